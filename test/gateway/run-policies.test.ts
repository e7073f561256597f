/** The chain of policies: who is asked, when authentication is over, and where a second look at the routes leads. */
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import { chainOf, type LoadedRoute } from '../../src/gateway/chain.ts';
import { PolicyRequest } from '../../src/gateway/policy-request.ts';
import { runPolicies } from '../../src/gateway/run-policies.ts';
import type { Policy } from '../../src/policies/contract.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { factsOf } from '../policies/chain.ts';

type Named = readonly [name: string, identity: string, policy?: Policy];

const SOURCE = { kind: 'Mapping', namespace: 'default', name: 'm' } as const;

/** `auth` and `filters` may change headers, and with all before them are the head. */
function exchange(routes: { readonly [id: string]: readonly Named[] }, answer?: 'redirect') {
  const events: string[] = [];
  const load = (id: string): LoadedRoute => {
    const route: CompiledRoute = {
      id,
      source: SOURCE,
      matches: [],
      action: { kind: 'respond', status: 200 },
      timeouts: { requestMs: 0, idleMs: 0 },
    };
    const steps = (routes[id] ?? []).map(([name, identity, policy = pass]) => ({
      policy: { name, config: identity, source: SOURCE },
      ask: (context: Parameters<Policy>[0]) => {
        events.push(`${identity}@${context.route.id}`);
        return policy(context);
      },
    }));
    return { route, policies: steps.length === 0 ? null : chainOf(steps), forward: null, responseHeaders: null };
  };
  const facts = factsOf();
  const first = load('first');
  const raw = new Request('http://gateway.test/');
  const request = new PolicyRequest({ raw, facts, route: first.route, waitUntil: () => undefined });
  const template = { facts, consumer: null, protocol: 'HTTP/1.1', startTime: new Date(0), response: null };
  const matched = { loaded: first, template };
  const rematch = () => (answer === 'redirect' ? new Response(null, { status: 301 }) : load('second'));
  const run = async (): Promise<number | string | null> => {
    try {
      return (await runPolicies(request, matched, rematch))?.status ?? null;
    } catch (error) {
      return error instanceof GatewayError ? error.code : String(error);
    }
  };
  return { events, request, matched, run };
}

const pass: Policy = () => null;
const answers: Policy = () => new Response(null, { status: 418 });
const answersLater: Policy = () => Promise.resolve(new Response(null, { status: 418 }));
const passesLater: Policy = () => Promise.resolve(null);
const refuses: Policy = () => {
  throw new GatewayError(403, 'access-denied', 'no');
};
const refusesLater: Policy = () => Promise.reject(new GatewayError(403, 'access-denied', 'no'));
const changes: Policy = (context) => {
  context.rematch = true;
  context.consumer = { id: 'alice', kind: 'jwt', issuer: null, plan: null, scopes: [], claims: {} };
  context.facts = { ...context.facts, query: 'without' };
  return null;
};

describe('asking', () => {
  it.each([
    ['at once', pass],
    ['later', passesLater],
  ])('asks all in turn when each lets pass %s', async (_, policy) => {
    const { run, events } = exchange({
      first: [
        ['cors', 'a', policy],
        ['auth', 'b', policy],
        ['rate-limit', 'c', policy],
      ],
    });
    expect(await run()).toBeNull();
    expect(events).toEqual(['a@first', 'b@first', 'c@first']);
  });

  it.each([
    ['an answer', answers, 418],
    ['an answer that is waited for', answersLater, 418],
    ['an error', refuses, 'access-denied'],
    ['a rejection', refusesLater, 'access-denied'],
  ])('%s ends the chain, before authentication, by it and after it', async (_, policy, outcome) => {
    for (const place of ['a', 'b', 'c']) {
      const at = (id: string): Policy => (id === place ? policy : passesLater);
      const first: Named[] = [
        ['cors', 'a', at('a')],
        ['auth', 'b', at('b')],
        ['rate-limit', 'c', at('c')],
      ];
      const { run, events } = exchange({ first });
      expect(await run()).toBe(outcome);
      expect(events.at(-1)).toBe(`${place}@first`);
    }
  });
});

/** Writes down in which order things happen. */
function watched(heard: string[], outcome: Policy): readonly Named[] {
  return [
    [
      'rate-limit-early',
      'early',
      (context) => {
        context.afterAuthentication(() => heard.push(`over, ${String(context.refusedCredentials)}`));
        return null;
      },
    ],
    [
      'auth',
      'auth',
      (context) => {
        heard.push('auth');
        return outcome(context);
      },
    ],
    [
      'rate-limit',
      'limit',
      () => {
        heard.push('limit');
        return null;
      },
    ],
  ];
}

describe('the end of authentication', () => {
  it('is told before later policies run', async () => {
    const heard: string[] = [];
    await exchange({ first: watched(heard, passesLater) }).run();
    expect(heard).toEqual(['auth', 'over, false', 'limit']);
  });

  it.each([answers, answersLater, refuses, refusesLater])('is told when it refuses, %s', async (outcome) => {
    const heard: string[] = [];
    await exchange({
      first: watched(heard, (context) => {
        context.refusedCredentials = true;
        return outcome(context);
      }),
    }).run();
    expect(heard).toEqual(['auth', 'over, true']);
  });

  it('is told at once to who asks when it is over', async () => {
    const heard: string[] = [];
    const first: Named[] = [
      [
        'rate-limit-early',
        'early',
        (context) => {
          context.afterAuthentication(() => heard.push('over'));
          heard.push('asked');
          return null;
        },
      ],
    ];
    await exchange({ first }).run();
    expect(heard).toEqual(['over', 'asked']);
  });
});

describe('changed headers', () => {
  it('lead to the other route, of which what passed is not asked again', async () => {
    const { run, events, matched } = exchange({
      first: [
        ['auth', 'shared', changes],
        ['rate-limit', 'of first'],
      ],
      second: [
        ['cors', 'own'],
        ['auth', 'shared', changes],
        ['filters', 'other'],
        ['rate-limit', 'of second'],
      ],
    });
    expect(await run()).toBeNull();
    expect(events).toEqual(['shared@first', 'own@second', 'other@second', 'of second@second']);
    expect(matched).toMatchObject({
      loaded: { route: { id: 'second' } },
      template: { consumer: { id: 'alice' }, facts: { query: 'without' } },
    });
  });

  it('lead to no third route', async () => {
    const second: Named[] = [
      ['filters', 'changes again', changes],
      ['rate-limit', 'limit'],
    ];
    const { run, events } = exchange({ first: [['auth', 'a', changes]], second });
    expect(await run()).toBeNull();
    expect(events).toEqual(['a@first', 'changes again@second', 'limit@second']);
  });

  it('lead to a route without policies', async () => {
    const { run, events, matched } = exchange({
      first: [
        ['auth', 'a', changes],
        ['rate-limit', 'b'],
      ],
    });
    expect(await run()).toBeNull();
    expect(events).toEqual(['a@first']);
    expect(matched.loaded.route.id).toBe('second');
  });

  it('may lead to an answer instead of a route', async () => {
    const { run, events } = exchange(
      {
        first: [
          ['auth', 'a', changes],
          ['rate-limit', 'b'],
        ],
      },
      'redirect',
    );
    expect(await run()).toBe(301);
    expect(events).toEqual(['a@first']);
  });

  it('leave no trace in what the upstream is told when the other route refuses', async () => {
    const { run, matched } = exchange({
      first: [['auth', 'a', changes]],
      second: [
        [
          'filters',
          'b',
          (context) => {
            context.consumer = null;
            throw new GatewayError(403, 'access-denied', 'no');
          },
        ],
      ],
    });
    expect(await run()).toBe('access-denied');
    expect(matched.template.consumer).toMatchObject({ id: 'alice' });
  });
});

describe('the answer', () => {
  it('is told to who wants to hear of it', () => {
    const { request } = exchange({});
    const heard: (string | null)[] = [];
    request.onAnswer((headers) => heard.push(headers.get('x-cost')));
    request.answered(new Response(null, { headers: { 'x-cost': '3' } }));
    expect(heard).toEqual(['3']);
  });
});
