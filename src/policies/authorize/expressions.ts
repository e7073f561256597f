/**
 * CEL as rules use it: the variables, what is added to the library and what is replaced in it. The same
 * at build and at request time, so that what was checked is what runs.
 */
import { Environment } from '@marcbachmann/cel-js/evaluator';
import type { CompiledRegex } from '../../program/route-program.ts';
import { createAddressSet } from '../ip/address-set.ts';
import { parseCidr } from '../ip/cidr.ts';
import { charge, EXPRESSION_LIMITS, spend, type Budget } from './cost.ts';
import { ConsumerView, FactError, RequestView, type FactsView } from './facts-view.ts';

export const VARIABLES = {
  request: 'Request',
  consumer: 'Consumer',
  claims: 'map<string, dyn>',
  address: 'string',
  country: 'string',
  now: 'google.protobuf.Timestamp',
} as const;

export const REQUEST_FIELDS = {
  method: 'string',
  path: 'string',
  host: 'string',
  scheme: 'string',
  query: 'map<string, string>',
  headers: 'map<string, string>',
} as const;

export const CONSUMER_FIELDS = {
  id: 'string',
  kind: 'string',
  issuer: 'string',
  plan: 'string',
  scopes: 'list<string>',
  claims: 'map<string, dyn>',
} as const;

/** What is wrong with an expression in the eyes of this file; `range` as the library's errors have it. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly code: 'pattern_not_literal' | 'pattern_invalid' | 'range_not_literal' | 'range_invalid';
  readonly range: { readonly start: number; readonly end: number };

  constructor(code: ExpressionError['code'], message: string, { start, end }: { start: number; end: number }) {
    super(message);
    this.code = code;
    this.range = { start, end };
  }
}

/** Only what is used here of the library's nodes and of its evaluator. */
type Node = { readonly op: string; readonly args: unknown; readonly start: number; readonly end: number };
type RunnableNode = Node & { evaluate(evaluator: Evaluator, node: Node, scope: unknown): unknown };
type Evaluator = { run(node: RunnableNode, scope: unknown): unknown };
type Checker = {
  check(node: Node, scope: unknown): { readonly name: string; readonly kind: string };
  getType(name: string): unknown;
  createError(code: string, message: string, node: Node): Error;
};
type MacroCall = { readonly args: readonly RunnableNode[]; readonly receiver: RunnableNode };

/** A text or why there is none: the code of an error, never its message, which may quote the request. */
export type Verdict = boolean | { readonly error: string };

export interface Expressions {
  readonly environment: Environment;
  /** Parses and checks. Throws when the text is no expression of type bool. */
  compile(source: string): (facts: FactsView, budget: Budget) => Verdict;
}

export interface Patterns {
  /** Called while parsing; throws where the pattern cannot be had. */
  find(pattern: string, range: { readonly start: number; readonly end: number }): CompiledRegex;
  test(regex: CompiledRegex, text: string): boolean;
}

export function createExpressions(patterns: Patterns): Expressions {
  /** The budget of the evaluation under way: evaluation is synchronous. */
  let budget: Budget = { left: 0 };
  const environment = declare(patterns, (points) => spend(budget, points));
  meter(environment, (value) => charge(budget, value));
  const assertMetered = (): void => {
    budget = { left: 100 };
    environment.parse('[1, 2, 3].all(n, n > 0)')({});
    if (budget.left > 90) throw new Error('The cost of CEL expressions cannot be measured with this library.');
  };
  assertMetered();
  return {
    environment,
    compile: (source) => {
      const parsed = environment.parse(source);
      const { valid, type, error } = parsed.check();
      if (!valid || type !== 'bool') throw new Error(`Not an expression of type bool: ${error?.message ?? type}`);
      return (facts, own) => {
        budget = own;
        try {
          const value: unknown = parsed(facts);
          // An exceeded budget that `||` swallowed is exceeded all the same.
          if (own.left < 0) return { error: 'cost_exceeded' };
          return typeof value === 'boolean' ? value : { error: 'not_bool' };
        } catch (error) {
          return { error: own.left < 0 ? 'cost_exceeded' : codeOf(error) };
        }
      };
    },
  };
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : 'evaluation_error';
}

function declare(patterns: Patterns, pay: (points: number) => void): Environment {
  const environment = new Environment({ limits: EXPRESSION_LIMITS });
  environment.registerType('Request', { ctor: RequestView, fields: REQUEST_FIELDS });
  environment.registerType('Consumer', { ctor: ConsumerView, fields: CONSUMER_FIELDS });
  for (const [name, type] of Object.entries(VARIABLES)) environment.registerVariable(name, type);
  // In the specification and not in the library.
  environment.registerFunction(
    'int(google.protobuf.Timestamp): int',
    (time: Date) => BigInt(Math.floor(time.getTime() / 1_000)),
    SYNC,
  );
  // A macro is found by name and number of arguments whatever its receiver, so this one stands before the
  // library's `matches`, which would run JavaScript's backtracking engine.
  environment.registerFunction('list.matches(ast): bool', matchesMacro(patterns, pay), SYNC);
  environment.registerFunction('inCidr(ast, ast): bool', inCidrMacro(), SYNC);
  return environment;
}

const SYNC = { async: false } as const;

function matchesMacro(patterns: Patterns, pay: (points: number) => void) {
  return ({ args, receiver }: MacroCall) => {
    const [pattern] = args;
    if (pattern?.op !== 'value' || typeof pattern.args !== 'string') {
      const message = 'the pattern of `matches` must be a literal, because it is checked and compiled at build';
      throw new ExpressionError('pattern_not_literal', message, pattern ?? receiver);
    }
    const regex = patterns.find(pattern.args, pattern);
    // re2js walks its states for each character, the native engine does not.
    const shift = regex.engine === 'js' ? 4 : 0;
    return textMacro(receiver, 'matches', (text) => {
      pay(8 + (text.length >>> shift));
      return patterns.test(regex, text);
    });
  };
}

function inCidrMacro() {
  return ({ args: [address, range] }: MacroCall) => {
    if (address === undefined || range === undefined) throw new Error('A call of `inCidr` lost its arguments.');
    if (range.op !== 'value' || typeof range.args !== 'string') {
      const message = 'the range of `inCidr` must be a literal, because it is checked at build';
      throw new ExpressionError('range_not_literal', message, range);
    }
    if (parseCidr(range.args) === null) {
      throw new ExpressionError('range_invalid', `\`${range.args}\` is no address and no CIDR range`, range);
    }
    const set = createAddressSet([range.args]);
    return textMacro(address, 'inCidr', (text) => {
      const found = set.find(text);
      if (found === 'unreadable') throw new FactError('address_unreadable');
      return found === 'inside';
    });
  };
}

/** A macro that asks something of one text. */
function textMacro(subject: RunnableNode, name: string, ask: (text: string) => boolean) {
  return {
    ...SYNC,
    typeCheck: (checker: Checker, _macro: unknown, scope: unknown) => {
      const type = checker.check(subject, scope);
      if (type.name !== 'string' && type.kind !== 'dyn') {
        throw checker.createError('no_matching_overload', `\`${name}\` takes a string, not ${type.name}`, subject);
      }
      return checker.getType('bool');
    },
    evaluate: (evaluator: Evaluator, _macro: unknown, scope: unknown) => {
      const text = evaluator.run(subject, scope);
      if (typeof text !== 'string') throw new FactError('no_such_overload');
      return ask(text);
    },
  };
}

/**
 * Every node but the outermost is evaluated by `run` of the environment's one evaluator, which is `this`
 * to functions. `assertMetered` fails, and with it every route, should a later version do otherwise.
 */
function meter(environment: Environment, pay: (value: unknown) => void): void {
  environment.registerFunction(
    'meter_(): bool',
    function (this: Evaluator) {
      meterRuns(this, pay);
      return true;
    },
    SYNC,
  );
  environment.evaluate('meter_()', {});
}

function meterRuns(evaluator: Evaluator, pay: (value: unknown) => void): void {
  evaluator.run = (node, scope) => {
    const value = node.evaluate(evaluator, node, scope);
    pay(value);
    return value;
  };
}
