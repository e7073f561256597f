/** Sends one input and says what happened and what is wrong about it. */
import type { Expected, HostileInput, Reached } from './corpus/input.ts';
import type { Gateway } from './gateways.ts';
import { violationsOf, type Intent } from './invariants.ts';
import { exchange, type RawAnswer, type RawExchange } from './raw-client.ts';
import { valuesOf, type Recorded } from './recording-backend.ts';

/** Who answered: `none` means that the connection ended without an answer. */
export type AnsweredBy = 'backend' | 'gateway' | 'runtime' | 'none';

export type Outcome = {
  readonly input: HostileInput;
  readonly by: AnsweredBy;
  /** 0: no answer. */
  readonly status: number;
  readonly seen: readonly Recorded[];
  /** Broken invariants. */
  readonly violations: readonly string[];
  /** Differences from what the input expects. */
  readonly differences: readonly string[];
};

export async function judge(gateway: Gateway, input: HostileInput): Promise<Outcome> {
  const method = input.bytes.slice(0, 5);
  const result = await exchange(gateway.port, input.bytes, { isHead: method === 'HEAD ' });
  // What the client has seen end, the backends have been sent before; one turn lets their data events run.
  await new Promise((resolve) => setImmediate(resolve));
  const seen = gateway.backends.take();
  const answer = result.answers[0];
  const by = answeredBy(answer);
  const status = answer?.status ?? 0;
  const violations = violationsOf(seen, result.answers.length, intentOf(input));
  return {
    input,
    by,
    status,
    seen,
    violations,
    differences: differences(input.expected, { by, answer, seen, result }),
  };
}

function intentOf({ gateway = 'default', expected, bytes }: HostileInput): Intent {
  return {
    gateway,
    mayReachProtected: expected.by === 'backend' && expected.backend === 'protected',
    requests: 1,
    // With a trusted hop in front the last entry is not made up.
    spoofed: ['1.1.1.1', '9.9.9.9', 'evil', ...(gateway === 'trusted' ? [] : ['6.6.6.6', '7.7.7.7'])].filter(
      (value) => bytes.includes(value) && !(bytes.split('\r\n')[0] ?? '').includes(value),
    ),
  };
}

function answeredBy(answer: RawAnswer | undefined): AnsweredBy {
  if (answer === undefined) return 'none';
  if (answer.headers.has('x-backend')) return 'backend';
  const isOurs = answer.headers.has('x-portolan-config-version');
  return isOurs ? 'gateway' : 'runtime';
}

type Happened = {
  readonly by: AnsweredBy;
  readonly answer: RawAnswer | undefined;
  readonly seen: readonly Recorded[];
  readonly result: RawExchange;
};

function differences(expected: Expected, { by, answer, seen, result }: Happened): readonly string[] {
  const found: string[] = [];
  const check = (what: string, actual: unknown, wanted: unknown): void => {
    if (JSON.stringify(actual) !== JSON.stringify(wanted)) {
      found.push(`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(wanted)}`);
    }
  };
  const status = answer?.status ?? 0;
  const code = /"code":"([^"]*)"/.exec(answer?.body ?? '')?.[1] ?? '';
  if (result.rest !== '') found.push(`unexpected bytes ${JSON.stringify(result.rest.slice(0, 80))}`);
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
  const wanted: [string, unknown, unknown][] = [
    ['request line', one.requestLine, `${line} HTTP/1.1`],
    ['Host', valuesOf(one.lines, 'host'), [host]],
    ['body', one.body, body],
    ...Object.entries(headers).map(([name, values]): [string, unknown, unknown] => [
      name,
      valuesOf(one.lines, name),
      values,
    ]),
    ...without.map((name): [string, unknown, unknown] => [name, valuesOf(one.lines, name), []]),
  ];
  return wanted.flatMap(([what, actual, value]) =>
    JSON.stringify(actual) === JSON.stringify(value)
      ? []
      : [`${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(value)}`],
  );
}
