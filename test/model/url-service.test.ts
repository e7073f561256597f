import { describe, expect, it } from 'vitest';
import { serviceOfUrl } from '../../src/model/url-service.ts';

describe('serviceOfUrl', () => {
  it.each([
    ['https://id.example.com/.well-known/jwks.json?v=1', 'https', 'id.example.com', 443, '/.well-known/jwks.json?v=1'],
    ['http://keycloak.auth.svc:8080', 'http', 'keycloak.auth.svc', 8080, '/'],
    ['https://[2001:db8::1]:8443/keys', 'https', '2001:db8::1', 8443, '/keys'],
    ['HTTPS://ID.Example.com/Keys', 'https', 'id.example.com', 443, '/Keys'],
  ])('%s', (text, scheme, host, port, path) => {
    expect(serviceOfUrl(text)).toEqual({ service: { text, scheme, host, service: null, port, clusters: [] }, path });
  });

  it.each(['id.example.com', '/keys', 'ftp://a/', 'https://user@a/', 'https://a/#x', 'https://', ''])(
    'refuses %j',
    (text) => expect(serviceOfUrl(text)).toBeNull(),
  );
});
