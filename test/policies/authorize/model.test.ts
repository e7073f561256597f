/** Rules over generated expressions against a naive evaluator, and what must hold for all of them. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regexMatches } from '../../../src/gateway/regex.ts';
import { judge, prepareAuthorize } from '../../../src/policies/authorize/decide.ts';
import { decodeAuthorize } from '../../../src/policies/authorize/decode.ts';
import { FactsView } from '../../../src/policies/authorize/facts-view.ts';
import type { AuthorizeOptions, AuthorizeRuleOption } from '../../../src/policies/authorize/options.ts';
import { factsOf, runChain, runtimeOf } from '../chain.ts';
import { lowered } from '../lowering.ts';
import { consumerOf } from './consumers.ts';

type World = {
  readonly method: string;
  readonly role: string | null;
  readonly scopes: readonly string[];
  readonly address: string;
};
type Expression =
  | { readonly kind: 'literal'; readonly value: boolean }
  | { readonly kind: 'method' | 'role' | 'prefix' | 'scope' | 'each-scope'; readonly text: string }
  | { readonly kind: 'has-role' | 'local' }
  | { readonly kind: 'not'; readonly inner: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'choice'; readonly test: Expression; readonly left: Expression; readonly right: Expression };
type Truth = boolean | 'error';

const texts = ['GET', 'POST', 'admin', 'a', 'ab', '"\\'];
const text = fc.constantFrom(...texts);
const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    fc.record({ kind: fc.constant('literal' as const), value: fc.boolean() }),
    fc.record({ kind: fc.constantFrom('method', 'role', 'prefix', 'scope', 'each-scope'), text }),
    fc.record({ kind: fc.constantFrom('has-role', 'local') }),
    fc.record({ kind: fc.constant('not' as const), inner: tie('expression') }),
    fc.record({ kind: fc.constantFrom('and', 'or'), left: tie('expression'), right: tie('expression') }),
    fc.record({
      kind: fc.constant('choice' as const),
      test: tie('expression'),
      left: tie('expression'),
      right: tie('expression'),
    }),
  ),
}));
const world: fc.Arbitrary<World> = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  role: fc.option(text),
  scopes: fc.uniqueArray(text, { maxLength: 3 }),
  address: fc.constantFrom('10.0.0.1', '203.0.113.7'),
});

function print(node: Expression): string {
  switch (node.kind) {
    case 'literal':
      return String(node.value);
    case 'method':
      return `request.method == ${JSON.stringify(node.text)}`;
    case 'role':
      return `claims.role == ${JSON.stringify(node.text)}`;
    case 'prefix':
      return `claims.role.startsWith(${JSON.stringify(node.text)})`;
    case 'scope':
      return `${JSON.stringify(node.text)} in consumer.scopes`;
    case 'each-scope':
      return `consumer.scopes.all(each, each.contains(${JSON.stringify(node.text)}))`;
    case 'has-role':
      return 'has(claims.role)';
    case 'local':
      return 'inCidr(address, "10.0.0.0/8")';
    case 'not':
      return `!(${print(node.inner)})`;
    case 'and':
    case 'or':
      return `(${print(node.left)}) ${node.kind === 'and' ? '&&' : '||'} (${print(node.right)})`;
    default:
      return `((${print(node.test)}) ? (${print(node.left)}) : (${print(node.right)}))`;
  }
}

/** CEL's truth tables, written down. */
function evaluate(node: Expression, facts: World): Truth {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'method':
      return facts.method === node.text;
    case 'role':
      return facts.role === null ? 'error' : facts.role === node.text;
    case 'prefix':
      return facts.role === null ? 'error' : facts.role.startsWith(node.text);
    case 'scope':
      return facts.scopes.includes(node.text);
    case 'each-scope':
      return facts.scopes.every((scope) => scope.includes(node.text));
    case 'has-role':
      return facts.role !== null;
    case 'local':
      return facts.address === '10.0.0.1';
    case 'not': {
      const inner = evaluate(node.inner, facts);
      return inner === 'error' ? inner : !inner;
    }
    case 'and':
    case 'or': {
      const decides = node.kind === 'or';
      const sides = [evaluate(node.left, facts), evaluate(node.right, facts)];
      return sides.includes(decides) ? decides : sides.includes('error') ? 'error' : !decides;
    }
    default: {
      const test = evaluate(node.test, facts);
      return test === 'error' ? test : evaluate(test ? node.left : node.right, facts);
    }
  }
}

type Rule = {
  readonly effect: 'allow' | 'deny';
  readonly dryRun: boolean;
  readonly scope: string | null;
  readonly when: Expression;
};
const scope = fc.option(fc.constantFrom('a', 'ab'), { freq: 3 });
const rule: fc.Arbitrary<Rule> = fc.record({
  effect: fc.constantFrom('allow', 'deny'),
  dryRun: fc.boolean(),
  scope,
  when: expression,
});
const rules = fc.array(rule, { minLength: 1, maxLength: 5 });
const mode = fc.constantFrom('first-match', 'deny-overrides');

function authored({ effect, dryRun, scope, when }: Rule, index: number): AuthorizeRuleOption {
  return {
    name: `r${index}`,
    effect,
    when: print(when),
    ...(scope !== null && { scope: [scope] }),
    ...(dryRun && { dryRun }),
  };
}

/** The two modes as docs/policies/authorize.md tells them; true: passes. */
function expected(all: readonly Rule[], how: string, facts: World): boolean {
  const applies = ({ effect, scope, when }: Rule): Truth => {
    const truth = evaluate(when, facts);
    if (truth === 'error' || !truth || scope === null) return truth;
    return facts.scopes.includes(scope) === (effect === 'allow');
  };
  const enforced = all.filter(({ dryRun }) => !dryRun);
  if (how === 'first-match') {
    const first = enforced.find((each) => applies(each) !== false);
    return first !== undefined && applies(first) === true && first.effect === 'allow';
  }
  const denies = enforced.filter(({ effect }) => effect === 'deny').map(applies);
  const allow = enforced.filter(({ effect }) => effect === 'allow').find((each) => applies(each) !== false);
  return denies.every((truth) => truth === false) && allow !== undefined && applies(allow) === true;
}

function passes(options: AuthorizeOptions, { method, role, scopes, address }: World): boolean {
  const consumer = consumerOf({ scopes, claims: role === null ? {} : { role } });
  const prepared = prepareAuthorize(decodeAuthorize(lowered('authorize', options)), regexMatches);
  return (
    judge(prepared.enforced, new FactsView(factsOf({ method, clientIp: address }), consumer, 0), consumer).kind ===
    'allow'
  );
}
const optionsOf = (all: readonly Rule[], how: 'first-match' | 'deny-overrides'): AuthorizeOptions => ({
  mode: how,
  rules: all.map(authored),
});

describe('rules', () => {
  it('decide as the naive evaluator does', () => {
    let allowed = 0;
    fc.assert(
      fc.property(rules, mode, fc.array(world, { minLength: 1, maxLength: 6 }), (all, how, worlds) => {
        for (const facts of worlds) {
          const outcome = passes(optionsOf(all, how), facts);
          expect(outcome).toBe(expected(all, how, facts));
          if (outcome) allowed += 1;
        }
      }),
      { numRuns: 600 },
    );
    expect(allowed).toBeGreaterThan(50);
  });

  it('one more deny rule under deny-overrides never lets more pass, wherever it stands', () => {
    fc.assert(
      fc.property(rules, expression, scope, fc.nat(5), world, (all, when, limit, at, facts) => {
        const more = all.toSpliced(at, 0, { effect: 'deny', dryRun: false, scope: limit, when });
        if (!passes(optionsOf(all, 'deny-overrides'), facts)) {
          expect(passes(optionsOf(more, 'deny-overrides'), facts)).toBe(false);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('a rule of the dry run changes nothing for any client', async () => {
    await fc.assert(
      fc.asyncProperty(rules, mode, rule, fc.nat(5), world, async (all, how, tried, at, facts) => {
        const more = all.toSpliced(at, 0, { ...tried, dryRun: true });
        const { method, role, scopes, address } = facts;
        const consumer = consumerOf({ scopes, claims: role === null ? {} : { role } });
        const send = async (list: readonly Rule[]) => {
          const policies = [{ name: 'authorize', config: lowered('authorize', optionsOf(list, how)) }];
          const chain = { policies, runtime: runtimeOf({ now: () => 0 }), consumer };
          const response = await runChain(chain, factsOf({ method, clientIp: address }));
          return { status: response.status, headers: [...response.headers], body: await response.text() };
        };
        expect(await send(more)).toEqual(await send(all));
      }),
      { numRuns: 200 },
    );
  });
});
