/** What all resources have in common, and the reader of their fields. */
import type { Report } from '../../diagnostics/finding.ts';
import { idPath, matchesId, writtenIds } from './ambassador-id.ts';
import { FieldReader } from './field-reader.ts';
import type { SelectedObject } from './select-objects.ts';
import type { AmbassadorOptions } from './types.ts';

const consequences = {
  Mapping: 'Its requests are refused until it is corrected.',
  Host: 'Requests to this Host are refused until it is corrected.',
  Listener: 'The Listener is not used until it is corrected.',
  Module: 'The key counts as absent until it is corrected.',
  Filter: 'Rules that name this Filter refuse what they match until it is corrected.',
  FilterPolicy: 'What the rule could be about is refused until it is corrected.',
  AuthService: 'The routes that it protects refuse until it is corrected.',
  RateLimit: 'The routes that the limit could be about refuse until it is corrected.',
  RateLimitService: 'It counts as the stricter one of what it may mean until it is corrected.',
  unenforced: 'The resource counts as one for this installation.',
} as const;

export function startResource<Kind extends string>(
  kind: Kind,
  { object, role, legacy }: SelectedObject,
  options: AmbassadorOptions,
  report: Report,
) {
  const base = {
    kind,
    source: object.source,
    ...(object.clusters !== undefined && { clusters: object.clusters }),
    locate: object.locate,
    namespace: object.metadata.namespace ?? 'default',
    name: object.metadata.name,
    labels: object.metadata.labels,
    creationTimestamp: object.metadata.creationTimestamp,
    staleSince: null,
  };
  const reader = new FieldReader(base, { legacy, consequence: consequences[role], report });
  if (matchesId(object, options.ambassadorId) === 'unreadable') {
    reader.fail(idPath(object.spec), 'text or a list of text', writtenIds(object.spec), 'Put each id in quotes.');
  }
  return { base, reader };
}
