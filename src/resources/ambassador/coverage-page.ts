/** The coverage table as Markdown: docs/coverage.md. */
import {
  apiKeyFilterCoverage,
  authServiceCoverage,
  externalCoverage,
  filterCoverage,
  filterPolicyCoverage,
  filterRuleCoverage,
  gatewayExternalCoverage,
  jwtFilterCoverage,
} from './auth-coverage.ts';
import {
  hostCoverage,
  kindCoverage,
  listenerCoverage,
  mappingCoverage,
  moduleCoverage,
  type Coverage,
  type CoverageStatus,
} from './coverage.ts';
import { limitCoverage, rateLimitCoverage, rateLimitServiceCoverage } from './rate-limit-coverage.ts';

const statusWords: Readonly<Record<CoverageStatus, string>> = {
  carried: 'carried',
  difference: 'carried, with a difference',
  'no-effect-at-edge': 'no effect at the edge',
  refused: 'refused',
  'not-yet-enforced': 'not yet enforced',
};

const INTRODUCTION = `# What becomes of every field

Generated from \`src/resources/ambassador/coverage.ts\`; \`node scripts/render-coverage.ts\` writes it anew.

- **carried**: works as in Ambassador.
- **carried, with a difference**: works, but not exactly so; the note says how.
- **no effect at the edge**: accepted; there is nothing here that it could change. \`check\` notes it.
- **refused**: cannot be honoured, and serving without it would be wrong: its routes refuse.
- **not yet enforced**: accepted and left out; routes are served without it. \`check\` warns.

A field that is in no table is reported as \`field-unknown\` with the nearest known name.
`;

/** The whole page, with a final newline. */
export function renderCoverage(): string {
  return [
    INTRODUCTION,
    section('Mapping', 'Field of `spec`', mappingCoverage),
    section('Host', 'Field of `spec`', hostCoverage),
    section('Listener', 'Field of `spec`', listenerCoverage),
    section('Module `ambassador`', 'Key of `spec.config`', moduleCoverage),
    section('AuthService', 'Field of `spec`', authServiceCoverage),
    section('FilterPolicy', 'Field of `spec`', filterPolicyCoverage),
    section('Rule of a FilterPolicy', 'Field of `spec.rules[]`', filterRuleCoverage),
    section('Filter', 'Field of `spec`', filterCoverage),
    section('Filter `JWT`', 'Field of `spec.JWT`', jwtFilterCoverage),
    section('Filter `APIKey`', 'Field of `spec.APIKey`', apiKeyFilterCoverage),
    section('Filter `External`', 'Field of `spec.External`', externalCoverage),
    section('Filter `external` of v1alpha1', 'Field of `spec.external`', gatewayExternalCoverage),
    section('RateLimitService', 'Field of `spec`', rateLimitServiceCoverage),
    section('RateLimit', 'Field of `spec`', rateLimitCoverage),
    section('Limit of a RateLimit', 'Field of `spec.limits[]`', limitCoverage),
    section('Other kinds', 'Kind', kindCoverage),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function section(title: string, column: string, coverage: Readonly<Record<string, Coverage>>): string {
  const rows = Object.entries(coverage)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { status, note }]) => [`\`${name}\``, statusWords[status], note.replaceAll('|', '\\|')]);
  return [`## ${title}`, '', ...table([[column, 'Status', 'Note'], ...rows]), ''].join('\n');
}

/** Columns of equal width, as the formatter of this project leaves them. */
function table([head = [], ...rows]: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}
