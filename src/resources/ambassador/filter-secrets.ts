/** The Secrets of one APIKey Filter: which of them its method is given, or why it cannot have any. */
import type { Report } from '../../diagnostics/finding.ts';
import { secretProblem, type SecretProblem } from '../../model/secret-problems.ts';
import {
  secretSetName,
  secretStateOf,
  type KnownSecrets,
  type SecretPlace,
  type SecretState,
} from '../../model/secret-states.ts';
import type { ApiKeyFields } from './filter-shape.ts';
import { reportAt } from './report-at.ts';
import { isSecretName } from './secret-references.ts';
import type { FilterResource } from './types.ts';

/** `unusable`: why, as a clause; the finding is reported. */
export type FilterSecrets = { readonly sets: readonly string[] } | { readonly unusable: string };

type Judged = {
  readonly place: SecretPlace;
  readonly state: SecretState | 'unknown';
  /** null: its keys count, should it have any. */
  readonly problem: SecretProblem | null;
};

/**
 * A Filter that several clusters hold alike accepts the keys of each cluster's Secret; that one of them
 * has none of use opens nothing, and must not stop the others. Every Secret that it names must be of
 * use in at least one.
 */
export function secretsOfFilter(
  { keys = [] }: ApiKeyFields,
  resource: FilterResource,
  context: { readonly known: KnownSecrets; readonly at: string; readonly report: Report },
): FilterSecrets {
  const sets: string[] = [];
  let unusable: string | null = null;
  for (const [index, { secretName }] of keys.entries()) {
    const judged = judge(secretName, resource, context.known);
    const path = `${context.at}.keys[${index}].secretName`;
    const good = judged.filter(({ problem }) => problem === null);
    const isRefused = good.length === 0;
    for (const one of judged) tell(one, { ...context, resource, path, isRefused });
    for (const { place } of good) sets.push(secretSetName(place));
    if (isRefused) unusable ??= judged[0]?.problem?.clause ?? null;
  }
  return unusable === null ? { sets: [...new Set(sets)] } : { unusable };
}

function judge(name: string, { namespace, clusters }: FilterResource, known: KnownSecrets): readonly Judged[] {
  return (clusters ?? [null]).map((cluster) => {
    const place = { cluster, namespace, name };
    const state = isSecretName(name) ? secretStateOf(known, place) : 'missing';
    return { place, state, problem: secretProblem(place, state) };
  });
}

type Place = {
  readonly resource: FilterResource;
  readonly path: string;
  readonly isRefused: boolean;
  readonly report: Report;
};

function tell({ state, place, problem }: Judged, { resource, path, isRefused, report }: Place): void {
  if (state === 'unknown') {
    reportAt(report, resource, {
      severity: 'info',
      code: 'secret-not-given',
      message: `Whether the Secret ${secretSetName(place)} holds keys is not known here: it is not among what was read. The Filter is judged as if it did.`,
      path,
      hint: 'Nothing is wrong with the Filter. Who publishes must have the Secret: `portolan sync` reads it from the cluster, `publish`, `serve` and `dev` from -f; without it the routes of this Filter refuse.',
    });
    return;
  }
  if (problem === null) return;
  const effect = isRefused
    ? 'Rules that name this Filter refuse what they match.'
    : `No key of cluster ${place.cluster ?? ''} is accepted; those of other clusters are.`;
  reportAt(report, resource, {
    severity: 'warning',
    code: problem.code,
    message: `${problem.clause.replace(/^t/, 'T')}. ${effect}`,
    path,
    hint: problem.hint,
  });
}
