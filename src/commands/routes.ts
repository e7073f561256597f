/** `portolan routes`: what is served, in match order. */
import { countFindings } from '../diagnostics/finding.ts';
import { plural, summarizeFindings } from '../diagnostics/render.ts';
import type { CompiledAction, CompiledBackend } from '../program/route-program.ts';
import { buildFromOptions } from './build-from-options.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { exitCodeFor } from './finding-output.ts';
import { INPUT_OPTIONS } from './input-options.ts';
import { listRoutes, type Condition, type DomainRows, type RouteRow } from './route-rows.ts';
import { renderTable } from './text-table.ts';

export const routesCommand = defineCommand({
  name: 'routes',
  summary: 'List what is served, in match order, with its source.',
  usage: '[-f PATH]… [options]',
  details: `
One row per match; a request takes the first row of its domain that fits. Paths: /a/* is a prefix,
=/a exact, /a/** whole path elements, ~ a regex. Exit code as for check.
JSON: {domains: [{id, hostname, insecureAction, refuses, routes: [{id, hostname, path, method, headers,
query, below, group, action, policies, source, staleSince}]}], counts}.`,
  options: INPUT_OPTIONS,
  async run(context) {
    const { options, json, printJson, note, terminal } = context;
    const { model, program, findings } = await buildFromOptions(options, terminal);
    const domains = listRoutes(program, model);
    const counts = countFindings(findings);
    if (json) printJson({ domains, counts });
    else {
      printDomains(domains, context);
      if (counts.error + counts.warning > 0) note(`\n${summarizeFindings(findings)}: see \`portolan check\`.`);
    }
    return exitCodeFor(counts, options.strict === true);
  },
});

const HEAD = ['HOST', 'PATH', 'METHOD', 'CONDITIONS', 'ACTION', 'POLICIES', 'SOURCE'];

function printDomains(domains: readonly DomainRows[], { print }: Pick<CommandContext, 'print'>): void {
  for (const [index, domain] of domains.entries()) {
    if (index > 0) print('');
    const insecure = domain.insecureAction === 'route' ? '' : `, insecure requests: ${domain.insecureAction}`;
    const refuses = domain.refuses === null ? '' : `, refuses everything: ${domain.refuses}`;
    print(`${domain.hostname}  (${domain.id}, ${plural(domain.routes.length, 'row')}${insecure}${refuses})`);
    if (domain.routes.length === 0) continue;
    for (const line of renderTable(
      HEAD,
      domain.routes.map((row) => rowCells(row, domain)),
    ))
      print(`  ${line}`);
  }
}

function rowCells(row: RouteRow, domain: DomainRows): readonly string[] {
  const conditions = [
    ...row.headers.map((condition) => conditionText(condition, ': ')),
    ...row.query.map((condition) => `?${conditionText(condition, '=')}`),
    ...(row.below === null ? [] : [`share below ${row.below}%`]),
  ];
  const stale = row.staleSince === null ? '' : ` (stale since ${row.staleSince})`;
  const { file, line, kind, namespace, name } = row.source;
  const where = file === null ? '' : ` ${file}${line === null ? '' : `:${line}`}`;
  return [
    row.hostname === null || row.hostname === domain.hostname ? '' : row.hostname,
    pathText(row.path),
    row.method ?? '',
    conditions.join(', '),
    actionText(row.action),
    row.policies.join(', '),
    `${[kind, namespace, name].filter((part) => part !== null).join('/')}${where}${stale}`,
  ];
}

function pathText({ kind, value, ignoreCase }: RouteRow['path']): string {
  const shown = {
    exact: `=${value}`,
    prefix: `${value}*`,
    segments: `${value.replace(/\/$/, '')}/**`,
    regex: `~${value}`,
  }[kind];
  return ignoreCase ? `${shown} (any case)` : shown;
}

function conditionText({ name, kind, value }: Condition, separator: string): string {
  if (kind === 'present') return name;
  return `${name}${separator}${kind === 'regex' ? '~' : ''}${value ?? ''}`;
}

function actionText(action: CompiledAction): string {
  if (action.kind === 'forward') return forwardText(action.backends);
  if (action.kind === 'respond') return `answers ${action.status}`;
  if (action.kind === 'refuse') return `refuses ${action.status} ${action.code}`;
  const scheme = action.scheme === undefined ? '' : `${action.scheme}://`;
  const port = action.port === undefined ? '' : `:${action.port}`;
  return `${action.status} ${scheme}${action.authority ?? ''}${port}${rewriteText(action.path).trimStart()}`.trimEnd();
}

function forwardText(backends: readonly CompiledBackend[]): string {
  const texts = backends.map((backend) => {
    const target =
      backend.refuse === undefined
        ? `${backend.origin}${rewriteText(backend.rewrite)}`
        : `refuses ${backend.refuse.code}`;
    return backends.length === 1 ? target : `${backend.weight}× ${target}`;
  });
  return texts.join(', ');
}

function rewriteText(rewrite: CompiledBackend['rewrite']): string {
  if (rewrite === undefined) return '';
  if (rewrite.kind === 'regex') return ` s/${rewrite.regex.source}/${rewrite.substitution}/`;
  return rewrite.kind === 'full' ? ` ${rewrite.value}` : ` ${rewrite.value}*`;
}
