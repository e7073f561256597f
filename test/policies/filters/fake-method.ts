/** A method of authentication that does what its options and the request's headers say. */
import { GatewayError } from '../../../src/diagnostics/errors.ts';
import type { Json } from '../../../src/model/route-model.ts';
import type {
  AuthMethodHandler,
  AuthMethodLowering,
  AuthVerdict,
} from '../../../src/policies/authentication/method.ts';
import { createFiltersHandler } from '../../../src/policies/filters/handler.ts';
import { createFiltersLowering } from '../../../src/policies/filters/lower.ts';
import type { Consumer } from '../../../src/policies/contract.ts';

export type FakeOptions = {
  /** `down`: cannot decide. `missing`, `bad`: 401 and 403. `echo`: allows when `x-key` is the id, which it then takes out. */
  readonly does: 'allow' | 'missing' | 'bad' | 'down' | 'answer' | 'echo';
  readonly id: string;
  readonly nameless?: true;
  readonly slow?: true;
  readonly sets?: string;
};

export const asked: { id: string; scopes: readonly string[]; headers: Readonly<Record<string, string>> }[] = [];

export const fakeMethod: AuthMethodHandler = {
  name: 'fake',
  create(json) {
    const options = json as FakeOptions;
    return {
      check: ({ facts, scopes }) => {
        asked.push({ id: options.id, scopes, headers: Object.fromEntries(facts.headers) });
        if (options.does === 'down' && options.slow !== true) throw unavailable(options.id);
        const verdict = verdictOf(options, facts.headers);
        if (options.slow !== true) return verdict;
        return options.does === 'down' ? Promise.reject(unavailable(options.id)) : Promise.resolve(verdict);
      },
    };
  },
};

function unavailable(id: string): GatewayError {
  return new GatewayError(503, `down-${id}`, 'Down.', { headers: { 'retry-after': '3' } });
}

function verdictOf({ does, id, nameless, sets = `x-${id}` }: FakeOptions, headers: Headers): AuthVerdict {
  const consumer: Consumer = { id, kind: 'jwt', issuer: null, plan: null, scopes: [], claims: {} };
  if (does === 'allow') {
    return { kind: 'allow', consumer: nameless === true ? null : consumer, edits: [{ name: sets, value: id }] };
  }
  if (does === 'echo' && headers.get('x-key') === id) {
    return { kind: 'allow', consumer, edits: [{ name: 'x-key', value: null }] };
  }
  const isMissing = does === 'missing' || does === 'echo';
  const code = `${does}-${id}`;
  const answer =
    does === 'answer'
      ? new Response(id, { status: 418, headers: { 'x-said': id } })
      : new GatewayError(isMissing ? 401 : 403, code, 'No.');
  return { kind: 'deny', isMissing, code, challenge: does === 'answer' ? null : `Fake realm="${id}"`, answer };
}

export const fakeLowering: AuthMethodLowering = {
  name: 'fake',
  lower(options, context) {
    if (typeof options === 'object' && options !== null && 'does' in options) return options as unknown as Json;
    context.report({
      severity: 'error',
      code: 'fake-invalid',
      message: 'Not a fake.',
      source: context.source,
      path: context.source.path,
      hint: null,
    });
    return null;
  },
  injectedHeaders: (config) => [(config as FakeOptions).sets ?? `x-${(config as FakeOptions).id}`],
  describe: (config) => `the fake ${(config as FakeOptions).id}`,
};

export const filtersHandler = createFiltersHandler((name) => (name === 'fake' ? fakeMethod : null));
export const filtersLowering = createFiltersLowering([fakeLowering]);
