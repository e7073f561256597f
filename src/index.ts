/** The package `portolan` as routes.config.ts imports it. */
export { defineConfig, defineRoute, env } from './config/define.ts';
export type {
  ActionDefinition,
  AmbassadorDefinition,
  AuthDefinition,
  AuthenticationDefinition,
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
export type { ApiKeyOptions } from './policies/authentication/api-key/options.ts';
export type { BasicOptions } from './policies/authentication/basic/options.ts';
export type { ExternalOptions } from './policies/authentication/external/options.ts';
export type { JwtOptions } from './policies/authentication/jwt/options.ts';
export type { AuthorizeOptions, AuthorizeRuleOption } from './policies/authorize/options.ts';
export type { CorsOptions } from './policies/cors/options.ts';
export type { Continent, GeoOptions, PlacesOption } from './policies/geo/options.ts';
export type { AddressOption, IpOptions } from './policies/ip/options.ts';
export type { RateLimitKeyPart, RateLimitOption, RateLimitOptions } from './policies/rate-limit/options.ts';
