/** What one cluster says to the publisher of several, and what it is told: `slice-<cluster>`, `outcome-<cluster>`. */
import { SECRET_STATES, type SecretState } from '../model/secret-states.ts';
import { array, integer, matching, nullable, object, oneOf, optional, record, string, type Check } from './shape.ts';
import { STORED_FORMAT } from './stored-form.ts';

/** What was read in one cluster. */
export type StoredSlice = {
  readonly format: typeof STORED_FORMAT;
  readonly kind: 'slice';
  readonly cluster: string;
  /** ISO time. Renewed now and then without a change, so that silence can be told from peace. */
  readonly time: string;
  /** SHA-256 over buckets and findings: which content an outcome is about. */
  readonly content: string;
  readonly resources: number;
  /** SHA-256 of each `sources-` value, in bucket order. */
  readonly buckets: readonly string[];
  /** Errors and warnings of reading: an object that cannot be read is broken, not deleted. */
  readonly findings: readonly StoredFinding[];
  /** By `namespace/name`: of what use the Secrets are that Filters name. Nothing of what they hold. Absent: none is named. */
  readonly secrets?: { readonly [name: string]: SecretState };
  /** As of the pointer, `typ` `portolan-slice`. */
  readonly signature?: string;
};

export type StoredFinding = {
  readonly severity: 'error' | 'warning' | 'info';
  readonly code: string;
  readonly message: string;
  /** Of an object of the slice's cluster; null: of none in particular. */
  readonly about: { readonly kind: string; readonly namespace: string | null; readonly name: string } | null;
  readonly path: string | null;
  readonly hint: string | null;
};

/** What became of one content of a slice. */
export type StoredOutcome = {
  readonly format: typeof STORED_FORMAT;
  readonly kind: 'outcome';
  readonly cluster: string;
  /** `content` of the slice that it is about. */
  readonly slice: string;
  /** Why it is not live, as a sentence; null: it is. */
  readonly withheld: string | null;
  /** By resource key. A resource of the slice that is missing here is accepted, and nothing is said about it. */
  readonly resources: { readonly [key: string]: StoredJudgement };
};

export type StoredJudgement = {
  /** `none`: it takes no part, for example as one of another installation. */
  readonly state: 'accepted' | 'stale' | 'invalid' | 'refused' | 'overruled' | 'none';
  readonly findings: readonly StoredFinding[];
};

const hash = matching(/^[0-9a-f]{64}$/, 'SHA-256');

const findingShape: Check<StoredFinding> = object<StoredFinding>({
  severity: oneOf('error', 'warning', 'info'),
  code: string,
  message: string,
  about: nullable(
    object<NonNullable<StoredFinding['about']>>({ kind: string, namespace: nullable(string), name: string }),
  ),
  path: nullable(string),
  hint: nullable(string),
});

export const sliceShape: Check<StoredSlice> = object<StoredSlice>({
  format: oneOf(STORED_FORMAT),
  kind: oneOf('slice'),
  cluster: string,
  time: matching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'time'),
  content: hash,
  resources: integer(0),
  buckets: array(hash),
  findings: array(findingShape),
  secrets: optional(record(oneOf(...SECRET_STATES))),
  signature: optional(matching(/^[\w-]+\.\.[\w-]+$/, 'detached signature')),
});

export const outcomeShape: Check<StoredOutcome> = object<StoredOutcome>({
  format: oneOf(STORED_FORMAT),
  kind: oneOf('outcome'),
  cluster: string,
  slice: hash,
  withheld: nullable(string),
  resources: record(
    object<StoredJudgement>({
      state: oneOf('accepted', 'stale', 'invalid', 'refused', 'overruled', 'none'),
      findings: array(findingShape),
    }),
  ),
});
