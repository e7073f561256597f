/** One entry of `routes`: checked, with its backends read; or held as a refusal at the same match. */
import { finding, type Report, type SourceRef } from '../diagnostics/finding.ts';
import type { Json, PolicyUse } from '../model/route-model.ts';
import { hasEarlyPart } from '../policies/rate-limit/authored-limit.ts';
import { formatPath } from './plain-data.ts';
import { readAuth, type DeclaredMethods, type ReadAuth } from './authentication.ts';
import type { CheckedBackend, CheckedRoute, Conditions, RouteFields } from './portolan-config.ts';
import { problem, problemsOf, valueAt, type Problem } from './problems.ts';
import { readBackends, type DeclaredUpstreams } from './read-backends.ts';
import { conditionsSchema, routeNameSchema, routeSchema } from './schema.ts';
import type { SourceLines } from './source-lines.ts';

export type RouteContext = {
  readonly file: string;
  readonly lines: SourceLines;
  readonly report: Report;
  readonly upstreams: DeclaredUpstreams;
  readonly methods: DeclaredMethods;
  /** Names that clusters were declared under, the unusable ones included. */
  readonly clusters: ReadonlySet<string>;
  /** Names of the routes so far; this function adds its own. */
  readonly names: Set<string>;
  /** Full paths of what is not data: reported already, and null in the value. */
  readonly notData: ReadonlySet<string>;
};

/** Keys of `policies` → the policies they name. */
const POLICY_NAMES = { cors: 'cors', ip: 'ip', geo: 'geo', authorize: 'authorize', rateLimit: 'rate-limit' } as const;

/** null: absent, because what it matches cannot be read. Everything wrong is reported. */
export function parseRoute(value: Json, index: number, context: RouteContext): CheckedRoute | null {
  const identity = identify(value, index, context);
  const { source } = identity;
  const at = (field: string): number | null => context.lines.route(source.name, field) ?? source.line;
  const result = routeSchema.safeParse(value);
  const problems = [...identity.problems];
  let backends: readonly CheckedBackend[] = [];
  let auth: ReadAuth | null = null;
  if (result.success) {
    problems.push(...shapeProblems(result.data));
    const read = readBackends(result.data, context, at);
    problems.push(...read.problems);
    backends = read.backends;
    const use = result.data.policies?.auth;
    if (use !== undefined) auth = readAuth(use, context.methods);
    problems.push(...(auth?.problems ?? []));
  } else {
    problems.push(...problemsOf(result.error, routeSchema, value));
  }
  for (const each of problems) {
    if (!context.notData.has(formatPath(['routes', index, ...each.at]))) reportRoute(each, identity, context, at);
  }
  if (result.success && problems.length === 0 && auth?.options !== null) {
    const policies = [...policyUses(value, source, at), ...authUse(auth, source, at)];
    const outcome = { kind: 'serve' as const, fields: result.data, backends, policies };
    return { ...identity, conditions: conditionsOf(result.data), lineOf: at, outcome };
  }
  const conditions = conditionsSchema.safeParse(pickConditions(value));
  if (!conditions.success) {
    reportAbsent(source, context.report);
    return null;
  }
  const message = `The route ${source.name} of the configuration is not usable as written.`;
  return { ...identity, conditions: conditions.data, lineOf: at, outcome: { kind: 'refuse', message } };
}

type Identity = {
  readonly id: string;
  readonly name: string;
  readonly source: SourceRef;
  readonly problems: readonly Problem[];
};

/** A route needs an identity even when its name is missing or taken: its position in the list. */
function identify(value: Json, index: number, { file, lines, names }: RouteContext): Identity {
  const written = valueAt(value, ['name']);
  const name = routeNameSchema.safeParse(written).success && typeof written === 'string' ? written : null;
  const taken = name !== null && names.has(name);
  const problems = taken
    ? [
        problem(
          ['name'],
          `There is already a route named \`${name}\`; nothing would tell the two apart in findings, logs and counters.`,
          'Give every route a name of its own.',
        ),
      ]
    : [];
  if (name !== null) names.add(name);
  const label = name === null || taken ? `routes[${index}]` : name;
  const line = name === null ? lines.key('routes') : lines.route(name);
  return {
    id: `config/${label}`,
    name: label,
    source: { kind: 'Route', namespace: null, name: label, file, line },
    problems,
  };
}

/** What the types say with unions and `never`: rules about keys that are fine one by one. */
function shapeProblems(route: RouteFields): readonly Problem[] {
  const problems: Problem[] = [];
  const actions = (['backend', 'backends', 'redirect', 'respond'] as const).filter((key) => route[key] !== undefined);
  if (actions.length === 0) {
    problems.push(
      problem(
        [],
        'The route says nothing about what happens to its requests.',
        'Add one of `backend`, `backends`, `redirect` and `respond`.',
      ),
    );
  }
  if (actions.length > 1) {
    const keys = actions.map((key) => `\`${key}\``).join(' and ');
    problems.push(problem([actions[1] ?? ''], `${keys} exclude each other.`, 'Keep one of them.'));
  }
  if (route.redirect !== undefined || route.respond !== undefined) {
    for (const key of ['rewrite', 'regexRewrite', 'hostRewrite'] as const) {
      if (route[key] === undefined) continue;
      problems.push(problem([key], `\`${key}\` changes what a backend gets, and this route has none.`));
    }
  }
  if (route.rewrite !== undefined && route.regexRewrite !== undefined) {
    problems.push(problem(['regexRewrite'], '`rewrite` and `regexRewrite` exclude each other.', 'Keep one of them.'));
  }
  const { redirect } = route;
  const targets = (['path', 'prefix', 'regex'] as const).filter((key) => redirect?.[key] !== undefined);
  if (targets.length > 1) {
    const keys = targets.map((key) => `\`${key}\``).join(' and ');
    problems.push(
      problem(['redirect', targets[1] ?? ''], `${keys} of a redirect exclude each other.`, 'Keep one of them.'),
    );
  }
  return problems;
}

/** The options cross as they were written; the schema has already accepted them. */
function policyUses(value: Json, source: SourceRef, at: (field: string) => number | null): readonly PolicyUse[] {
  const uses: PolicyUse[] = [];
  for (const [key, policy] of Object.entries(POLICY_NAMES)) {
    const options = valueAt(value, ['policies', key]);
    if (options === undefined) continue;
    const use = { options, source: { ...source, line: at(key), path: `policies.${key}` } };
    if (policy === 'rate-limit' && hasEarlyPart(options)) uses.push({ policy: 'rate-limit-early', ...use });
    uses.push({ policy, ...use });
  }
  return uses;
}

function authUse(auth: ReadAuth | null, source: SourceRef, at: (field: string) => number | null): readonly PolicyUse[] {
  if (auth === null || auth.options === null) return [];
  // Plain data by its schema; the type of a method's source is wider than JSON.
  const options: Json = JSON.parse(JSON.stringify(auth.options));
  return [{ policy: 'auth', options, source: { ...source, line: at('auth'), path: 'policies.auth' } }];
}

function conditionsOf(route: RouteFields): Conditions {
  const { path, hostnames, methods, headers, query, precedence } = route;
  return {
    path,
    ...(hostnames === undefined ? {} : { hostnames }),
    ...(methods === undefined ? {} : { methods }),
    ...(headers === undefined ? {} : { headers }),
    ...(query === undefined ? {} : { query }),
    ...(precedence === undefined ? {} : { precedence }),
  };
}

function pickConditions(value: Json): Json {
  const picked = Object.keys(conditionsSchema.shape).map((key) => [key, valueAt(value, [key])] as const);
  return Object.fromEntries(picked.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined));
}

function reportRoute(
  found: Problem,
  { source, id }: Identity,
  { report }: RouteContext,
  at: (field: string) => number | null,
): void {
  const named = found.at.findLast((key) => typeof key === 'string');
  const path = formatPath(found.at);
  const line = typeof named === 'string' ? at(named) : source.line;
  report(
    finding('error', found.code, found.message, {
      source: { ...source, line },
      path: path === '' ? id.replace(/^config\//, '') : path,
      hint: found.hint,
    }),
  );
}

function reportAbsent(source: SourceRef, report: Report): void {
  report(
    finding(
      'warning',
      'route-absent',
      'Its match cannot be read, so there is no route that could refuse; its requests go to other routes or get 404.',
      { source, path: 'path', hint: 'Correct the errors above.' },
    ),
  );
}
