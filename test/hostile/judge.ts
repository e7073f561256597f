/** Sends one input and says what happened and what is wrong about it. */
import type { Expected, HostileInput, Reached } from './corpus/input.ts';
import type { Gateway } from './gateways.ts';
import { violationsOf, type Intent } from './invariants.ts';
import { exchange, type RawAnswer, type RawExchange } from './raw-client.ts';
import { valuesOf, type Recorded } from './recording-backend.ts';

/** Who answered: `none` means that the connection ended without an answer. */
export type AnsweredBy = 'backend' | 'gateway' | 'runtime' | 'none';

export type Observed = {
  readonly by: AnsweredBy;
  /** 0: no answer. */
  readonly status: number;
  readonly result: RawExchange;
  readonly seen: readonly Recorded[];
  /** Broken invariants. */
  readonly violations: readonly string[];
};

export type Outcome = Observed & {
  readonly input: HostileInput;
  /** Differences from what the input expects. */
  readonly differences: readonly string[];
};

export async function judge(gateway: Gateway, input: HostileInput): Promise<Outcome> {
  const observed = await observe(gateway, input.bytes, intentOf(input), input.holdMs);
  return { ...observed, input, differences: differences(input.expected, observed) };
}

export async function observe(gateway: Gateway, bytes: string, intent: Intent, holdMs = 200): Promise<Observed> {
  const result = await exchange(gateway.port, bytes, { isHead: bytes.startsWith('HEAD '), silenceMs: holdMs });
  // What ended at the client was sent to the backends before; one turn lets their data events run.
  await new Promise((resolve) => setImmediate(resolve));
  const seen = gateway.backends.take();
  const answer = result.answers[0];
  const violations = violationsOf(seen, result.answers.length, intent);
  return { by: answeredBy(answer), status: answer?.status ?? 0, result, seen, violations };
}

function intentOf({ gateway = 'default', expected, bytes }: HostileInput): Intent {
  const startLine = bytes.split('\r\n')[0] ?? '';
  // With a trusted hop in front the last entry is not made up.
  const madeUp = ['1.1.1.1', '9.9.9.9', 'evil', ...(gateway === 'trusted' ? [] : ['6.6.6.6', '7.7.7.7'])];
  return {
    gateway,
    mayReachProtected: expected.by === 'backend' && expected.backend === 'protected',
    requests: 1,
    spoofed: madeUp.filter((value) => bytes.includes(value) && !startLine.includes(value)),
  };
}

function answeredBy(answer: RawAnswer | undefined): AnsweredBy {
  if (answer === undefined) return 'none';
  if (answer.headers.has('x-backend')) return 'backend';
  return answer.headers.has('x-portolan-config-version') ? 'gateway' : 'runtime';
}

function differences(expected: Expected, { by, status, seen, result }: Observed): readonly string[] {
  const found: string[] = [];
  const check = (what: string, actual: unknown, wanted: unknown): void => {
    found.push(...difference(what, actual, wanted));
  };
  const [answer] = result.answers;
  const code = /"code":"([^"]*)"/.exec(answer?.body ?? '')?.[1] ?? '';
  check('bytes after the answer', result.rest, '');
  switch (expected.by) {
    case 'backend':
      check('answer', [by, status], ['backend', 200]);
      check(
        'backends',
        seen.map(({ backend }) => backend),
        [expected.backend],
      );
      for (const one of seen) found.push(...requestDifferences(one, expected));
      break;
    case 'gateway':
      check('answer', [by, status, code], ['gateway', expected.status, expected.code]);
      // The head of an upload goes up before its body is known to be broken.
      check('whole requests at backends', seen.filter(({ isCut }) => !isCut).length, 0);
      break;
    case 'redirect':
      check('answer', [by, status, answer?.headers.get('location')], ['gateway', expected.status, expected.location]);
      check('backends', seen.length, 0);
      break;
    default:
      check('answer', [by, status], [expected.status === 0 ? 'none' : 'runtime', expected.status]);
      check('backends', seen.length, 0);
  }
  return found;
}

function requestDifferences(one: Recorded, expected: Reached): readonly string[] {
  const { line, host = 'h.test', headers = {}, without = [], body = '' } = expected;
  return [
    ...difference('request line', one.requestLine, `${line} HTTP/1.1`),
    ...difference('Host', valuesOf(one.lines, 'host'), [host]),
    ...difference('body', one.body, body),
    ...Object.entries(headers).flatMap(([name, values]) => difference(name, valuesOf(one.lines, name), values)),
    ...without.flatMap((name) => difference(name, valuesOf(one.lines, name), [])),
  ];
}

function difference(what: string, actual: unknown, wanted: unknown): readonly string[] {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(wanted)];
  return is === should ? [] : [`${what}: ${is} instead of ${should}`];
}
