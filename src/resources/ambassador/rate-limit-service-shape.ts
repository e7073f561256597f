/** The fields of a RateLimitService and what each takes. */
import type { FieldReader } from './field-reader.ts';
import {
  boolean,
  milliseconds,
  nonEmptyText,
  optionalText,
  record,
  text,
  textOrBoolean,
  anyMapping,
} from './fields.ts';
import type { FieldTable } from './fields.ts';

export type RateLimitServiceSpec = {
  /** null: none that can be read. */
  readonly service: string | null;
  readonly tls: string | boolean;
  /** null: the Module's `default_label_domain`. */
  readonly domain: string | null;
  /** `failure_mode_deny`: a request that cannot be counted is refused. */
  readonly denies: boolean;
  readonly timeoutMs: number | null;
};

type GrpcFields = {
  readonly use_resource_exhausted_code?: boolean;
  readonly rate_limited_as_resource_exhausted?: boolean;
};
type RateLimitServiceFields = {
  readonly service?: string;
  readonly domain?: string;
  readonly failure_mode_deny?: boolean;
  readonly grpc?: GrpcFields;
  readonly protocol_version?: string;
  readonly stats_name?: string;
  readonly timeout_ms?: number;
  readonly tls?: string | boolean;
  readonly v2ExplicitTLS?: unknown;
  readonly v3StatsName?: string;
};
export type RateLimitServiceField = keyof RateLimitServiceFields;

export const rateLimitServiceFields: FieldTable<RateLimitServiceFields> = {
  service: nonEmptyText,
  domain: optionalText,
  failure_mode_deny: boolean,
  grpc: record<GrpcFields>({ use_resource_exhausted_code: boolean, rate_limited_as_resource_exhausted: boolean }),
  protocol_version: text,
  stats_name: text,
  timeout_ms: milliseconds,
  tls: textOrBoolean,
  v2ExplicitTLS: anyMapping,
  v3StatsName: text,
};

export function rateLimitServiceSpec(
  read: Partial<RateLimitServiceFields>,
  written: Readonly<Record<string, unknown>>,
  reader: FieldReader,
): RateLimitServiceSpec {
  const isServiceInvalid = reader.invalid.some(({ path }) => path === 'spec.service');
  if (read.service === undefined && !isServiceInvalid) reader.missing('spec', 'service');
  // Only what says `false` lets requests pass: anything else that is written there was meant to stop them.
  const isDenyUnreadable = (written['failure_mode_deny'] ?? null) !== null && read.failure_mode_deny === undefined;
  return {
    service: read.service ?? null,
    tls: read.tls ?? false,
    domain: read.domain ?? null,
    denies: read.failure_mode_deny ?? isDenyUnreadable,
    timeoutMs: read.timeout_ms ?? null,
  };
}
