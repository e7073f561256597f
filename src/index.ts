/** The package `portolan` as routes.config.ts imports it. */
export { defineConfig, defineRoute } from './config/define.ts';
export type {
  ActionDefinition,
  AmbassadorDefinition,
  BackendDefinition,
  ClusterDefinition,
  ConditionValue,
  ConfigDefinition,
  GatewayDefinition,
  HeaderChanges,
  HttpMethod,
  IngressDefinition,
  ParityDefinition,
  PathDefinition,
  PoliciesDefinition,
  RedirectDefinition,
  RegexDefinition,
  RegexReplacement,
  RespondDefinition,
  RouteConditions,
  RouteDefinition,
  ServiceDefinition,
  TlsDefinition,
  TimeoutsDefinition,
  UpstreamUse,
  WeightedBackendDefinition,
} from './config/definition.ts';
export type { AuthorizeOptions, AuthorizeRuleOption } from './policies/authorize/options.ts';
export type { CorsOptions } from './policies/cors/options.ts';
export type { Continent, GeoOptions, PlacesOption } from './policies/geo/options.ts';
export type { AddressOption, IpOptions } from './policies/ip/options.ts';
export type { RateLimitOptions } from './policies/rate-limit/options.ts';
