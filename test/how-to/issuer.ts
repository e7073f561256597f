/** An identity provider as small as can be: discovery, one key, tokens of any content; it can be switched off. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export type Issuer = {
  readonly url: string;
  /** JSON text of the key set. */
  readonly keySet: string;
  isAway: boolean;
  /** Good for an hour unless `exp` says otherwise. */
  token(claims: Readonly<Record<string, unknown>>): Promise<string>;
  close(): void;
};

export async function startIssuer(): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const keySet = JSON.stringify({ keys: [jwk] });
  const server = http.createServer(({ url }, response) => {
    if (issuer.isAway) return response.writeHead(500).end();
    const isDocument = url === '/.well-known/openid-configuration';
    const text = isDocument ? JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` }) : keySet;
    return response.writeHead(200, { 'content-type': 'application/json' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer: Issuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keySet,
    isAway: false,
    token: (claims) => {
      const exp = Math.floor(Date.now() / 1_000) + 3_600;
      return new SignJWT({ iss: issuer.url, aud: 'orders', sub: 'ann', exp, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .sign(privateKey);
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return issuer;
}
