/** The few parts of the package that the fixture uses; it comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export type ResourceServer = {
    readonly audience: string;
    readonly scope: string;
    readonly accessTokenFormat: 'jwt';
    readonly accessTokenTTL: number;
    readonly jwt: { readonly sign: { readonly alg: string } };
  };
  export type Configuration = {
    readonly clients: readonly Readonly<Record<string, unknown>>[];
    readonly jwks: { readonly keys: readonly object[] };
    readonly scopes: readonly string[];
    readonly extraTokenClaims: (context: unknown, token: { readonly aud?: unknown }) => object | undefined;
    readonly features: Readonly<Record<string, object>>;
    readonly ttl: {
      readonly ClientCredentials: (context: unknown, token: { readonly resourceServer?: ResourceServer }) => number;
    };
    readonly adapter: new (name: string) => object;
  };
  export class Provider {
    constructor(issuer: string, configuration: Configuration);
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    on(event: string, listener: (...values: readonly unknown[]) => void): this;
  }
}
