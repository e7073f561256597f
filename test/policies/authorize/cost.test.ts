/** The worst inputs that a client, an issuer or a key store can bring stay within the budget, counted in steps and not in time. */
import { describe, expect, it } from 'vitest';
import { compileRegex } from '../../../src/compile/regex.ts';
import { regexMatches } from '../../../src/gateway/regex.ts';
import { REQUEST_BUDGET } from '../../../src/policies/authorize/cost.ts';
import { createExpressions } from '../../../src/policies/authorize/expressions.ts';
import { FactsView } from '../../../src/policies/authorize/facts-view.ts';
import type { RequestFacts } from '../../../src/policies/contract.ts';
import { factsOf } from '../chain.ts';
import { consumerOf } from './consumers.ts';

let searched = 0;
const expressions = createExpressions({
  find: (pattern) => {
    const result = compileRegex(pattern, { full: false });
    if (!('regex' in result)) throw new Error(result.error);
    return result.regex;
  },
  test: (regex, text) => {
    searched += text.length;
    return regexMatches(regex, text);
  },
});

/** How many facts an evaluation read, whatever the budget says. */
let read = 0;
class CountedView extends FactsView {
  override get request() {
    read += 1;
    return super.request;
  }
  override get consumer() {
    read += 1;
    return super.consumer;
  }
}

const long = 'a'.repeat(16_000);
const headers = new Headers({ long, other: `${'a'.repeat(8_000)}b` });
for (let index = 0; index < 90; index += 1) headers.set(`x-${index}`, 'a'.repeat(400));
const hostile: RequestFacts = factsOf({
  query: Array.from({ length: 2_700 }, (_, index) => `a${index.toString(36)}`).join('&'),
  headers,
});
const many = Array.from({ length: 900 }, (_, index) => `s${index}`);
const consumer = consumerOf({ scopes: many, claims: { many } });

function run(when: string) {
  const budget = { left: REQUEST_BUDGET };
  read = 0;
  searched = 0;
  const verdict = expressions.compile(when)(new CountedView(hostile, consumer, 0), budget);
  return { verdict, left: budget.left };
}

describe('worst inputs', () => {
  it.each([
    'request.headers.exists(k, request.headers.exists(j, request.headers[k].contains(request.headers[j] + "b")))',
    'consumer.scopes.all(s, !request.headers.long.contains(request.headers.other))',
    'consumer.scopes.all(s, !request.headers.long.matches("(x+x+)+y"))',
    'consumer.scopes.all(s, !request.headers.long.matches("(?:a|ab)*c$"))',
    'consumer.scopes.exists(a, consumer.scopes.exists(b, a == b + "x"))',
    'request.query.exists(a, request.query.exists(b, a + b == "zz"))',
    'consumer.scopes.map(a, request.headers.long).join().size() == 3',
    'consumer.scopes.map(a, consumer.scopes) == consumer.scopes.map(a, consumer.scopes)',
    'consumer.scopes.all(s, !("zz" in claims.many))',
    // Errors inside loops and beside `||` do not hide what they cost.
    'consumer.scopes.exists(s, consumer.scopes.exists(t, request.headers.nope == "x"))',
    'consumer.scopes.all(s, consumer.scopes.all(t, t != "")) || consumer.id == "alice"',
  ])('%s', (when) => {
    expect(run(when).verdict).toEqual({ error: 'cost_exceeded' });
    expect(read).toBeLessThan(REQUEST_BUDGET);
    expect(searched).toBeLessThan(16 * REQUEST_BUDGET);
  });

  it.each([
    'request.headers.long.split("").size() == 3',
    '(request.headers.long + request.headers.long).size() > 3',
    '[request.headers.long].map(x, x + x + x + x).size() > 3',
  ])('no value on the way grows without bound: %s', (when) => {
    expect(run(when).verdict).toEqual({ error: 'cost_exceeded' });
  });

  it('ordinary rules on the same request cost little', () => {
    const when =
      'request.method == "GET" && "s7" in consumer.scopes && request.path.startsWith("/backend/") && has(request.headers.other)';
    const { verdict, left } = run(when);
    expect(verdict).toBe(true);
    expect(REQUEST_BUDGET - left).toBeLessThan(2_000);
  });

  it('a spent budget stays spent for the rules that follow', () => {
    const budget = { left: 5 };
    const view = new FactsView(hostile, consumer, 0);
    const compiled = expressions.compile('request.method == "GET" || request.path == "/"');
    expect(compiled(view, budget)).toBe(true);
    expect(compiled(view, budget)).toEqual({ error: 'cost_exceeded' });
    expect(expressions.compile('true || request.path == "/"')(view, budget)).toEqual({ error: 'cost_exceeded' });
  });
});
