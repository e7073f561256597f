/** What becomes of every field of RateLimits and RateLimitServices; see coverage.ts. */
import {
  carried,
  commonCoverage,
  difference,
  elsewhere,
  noEffect,
  refused,
  type CommonField,
  type Coverage,
} from './coverage.ts';
import type { RateLimitServiceField } from './rate-limit-service-shape.ts';
import type { LimitField, RateLimitField } from './rate-limit-shape.ts';

export const rateLimitCoverage: Readonly<Record<RateLimitField | CommonField, Coverage>> = {
  ...commonCoverage,
  domain: carried('Limits of another domain than that of the RateLimitService have no effect.'),
  limits: carried('Of those whose pattern matches a group of labels the one with the most items decides.'),
};

export const limitCoverage: Readonly<Record<LimitField, Coverage>> = {
  name: carried('Default `NAME.NAMESPACE-INDEX`. Part of the counter: another name starts at 0.'),
  action: carried('`Enforce` or `LogOnly`, which counts and never refuses.'),
  pattern: difference(
    'Which of two patterns with equally many items decides, Ambassador does not say; here a value goes before `*`, then the first by namespace, name and position.',
  ),
  rate: difference('1 to 1,000,000.'),
  unit: carried('Windows begin with the unit, in UTC.'),
  burstFactor: elsewhere(
    difference('A token bucket of `rate` × `burstFactor` that fills at `rate`, in place of windows that roll over.'),
  ),
  injectRequestHeaders: difference('A client’s own header of such a name never passes, `doNotSet` or not.'),
  injectResponseHeaders: carried(),
  errorResponse: carried('Not written: a problem document.'),
};

export const rateLimitServiceCoverage: Readonly<Record<RateLimitServiceField | CommonField, Coverage>> = {
  ...commonCoverage,
  service: elsewhere(
    refused(
      'Edge Stack’s own is this gateway. Another is asked over gRPC, which cannot be spoken: its limits do not exist here, and with `failure_mode_deny` the routes with labels refuse.',
    ),
  ),
  domain: carried('Default: `default_label_domain` of the Module.'),
  failure_mode_deny: difference('A request that cannot be counted gets 503, in Ambassador 500.'),
  grpc: noEffect('`use_resource_exhausted_code` has none in Ambassador either; an answer is always 429.'),
  protocol_version: noEffect('It is about gRPC.'),
  stats_name: noEffect('It only names metrics of Envoy.'),
  timeout_ms: difference('At most 10,000. Not written: 2,000, and 50 for a leased limit; in Ambassador 20.'),
  tls: noEffect('Nothing is sent to the service.'),
  v2ExplicitTLS: carried('Bookkeeping of the cluster’s version conversion; it changes nothing.'),
  v3StatsName: noEffect('It only names metrics of Envoy.'),
};
