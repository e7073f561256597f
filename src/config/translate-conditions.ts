/** When a route applies: conditions of routes.config.ts → ranked matches. */
import { finding, type Report } from '../diagnostics/finding.ts';
import { stripPatternPort } from '../model/hostname.ts';
import type { HostPattern, PathMatch, RegexModel, RouteMatch, ValueMatch } from '../model/route-model.ts';
import { routeRankKey, type RankedCondition } from '../model/route-rank.ts';
import { canonicalPathText, hasDotSegment } from './path-text.ts';
import { joinPath } from './plain-data.ts';
import type { CheckedRoute, Conditions } from './portolan-config.ts';

/** Routes of the configuration and Mappings share one tier; a full tie goes to the configuration. */
const MERGE_TIER = 0;

export type ConditionOptions = {
  readonly hostPort: 'strip' | 'strict';
  readonly prefixMode: 'raw' | 'segment';
  readonly report: Report;
};

export type TranslatedConditions = {
  /** One per hostname and method: they are alternatives. */
  readonly matches: readonly RouteMatch[];
  /** Normalised; empty: any. */
  readonly hostnames: readonly HostPattern[];
  readonly path: PathMatch;
};

export function translateConditions(route: CheckedRoute, options: ConditionOptions): TranslatedConditions {
  const { conditions } = route;
  const path = pathMatch(route, options);
  const hostnames = normalizeHostnames(route, options);
  const headers = orderedConditions(conditions.headers, (name) => name.toLowerCase());
  const query = orderedConditions(conditions.query, (name) => name);
  const matches: RouteMatch[] = [];
  for (const hostname of hostnames.length === 0 ? [null] : hostnames) {
    for (const method of conditions.methods ?? [null]) {
      matches.push({
        hostname,
        path,
        method,
        headers: headers.map((condition) => valueMatch(condition, 'headers', route)),
        query: query.map((condition) => valueMatch(condition, 'query', route)),
        rank: routeRankKey({
          tier: MERGE_TIER,
          precedence: conditions.precedence ?? 0,
          prefix: path.value,
          headers,
          query,
          method,
          hostname,
          tie: { owner: 0, name: route.name },
        }),
      });
    }
  }
  return { matches, hostnames, path };
}

function pathMatch(route: CheckedRoute, { prefixMode, report }: ConditionOptions): PathMatch {
  const { path } = route.conditions;
  const written = typeof path === 'string' ? { prefix: path } : path;
  if (written.regex !== undefined) {
    const at = { path: 'path.regex', line: route.lineOf('path') };
    return { kind: 'regex', value: written.regex, caseSensitive: true, at };
  }
  const text = written.exact ?? written.prefix ?? '/';
  if (hasDotSegment(text)) {
    report(
      finding(
        'warning',
        'prefix-never-matches',
        `No request path can match \`${text}\`: dot segments are refused or resolved before routes are looked at.`,
        {
          source: { ...route.source, line: route.lineOf('path') },
          path: 'path',
          hint: 'Write the path without `.` and `..`.',
        },
      ),
    );
  }
  const segments = written.segments ?? prefixMode === 'segment';
  const prefixKind = segments ? 'segments' : 'prefix';
  return {
    kind: written.exact === undefined ? prefixKind : 'exact',
    value: canonicalPathText(text),
    caseSensitive: written.ignoreCase !== true,
  };
}

function normalizeHostnames(route: CheckedRoute, { hostPort, report }: ConditionOptions): readonly HostPattern[] {
  const written = route.conditions.hostnames ?? [];
  const lower = written.map((name) => name.toLowerCase());
  const source = { ...route.source, line: route.lineOf('hostnames') };
  if (lower.some((name, index) => name !== written[index])) {
    const message = 'Hostnames are compared in lower case, whatever is written.';
    report(finding('info', 'hostname-lower-cased', message, { source, path: 'hostnames' }));
  }
  if (hostPort === 'strict') return [...new Set(lower)];
  const stripped = lower.map(stripPatternPort);
  if (stripped.some((name, index) => name !== lower[index])) {
    const message = 'The port of a hostname is ignored: requests are matched by name, whatever port they name.';
    const hint = 'Leave it out, or set `parity.hostPort` to `strict`.';
    report(finding('info', 'hostname-port-ignored', message, { source, path: 'hostnames', hint }));
  }
  return [...new Set(stripped)];
}

type Written = Conditions['headers'];

/** Exact and presence conditions as written, then regexes: the order that ranks count in. */
function orderedConditions(written: Written, fold: (name: string) => string): readonly RankedCondition[] {
  const all = Object.entries(written ?? {}).map(([name, value]): RankedCondition => {
    if (typeof value === 'object') return { name: fold(name), value: value.regex, regex: true };
    return { name: fold(name), value: value === true ? null : value, regex: false };
  });
  return [...all.filter(({ regex }) => !regex), ...all.filter(({ regex }) => regex)];
}

function valueMatch(
  { name, value, regex }: RankedCondition,
  part: 'headers' | 'query',
  route: CheckedRoute,
): ValueMatch {
  if (value === null) return { name, test: { kind: 'present' } };
  if (!regex) return { name, test: { kind: 'exact', value } };
  const at = { path: joinPath(part, name), line: route.lineOf(part) };
  const model: RegexModel = { pattern: value, at };
  return { name, test: { kind: 'regex', regex: model } };
}
