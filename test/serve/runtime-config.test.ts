import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { capnpText } from '../../src/serve/capnp-text.ts';
import { edgeConfig, objectsConfig } from '../../src/serve/runtime-config.ts';
import { secretBindings } from '../../src/serve/secret-variables.ts';
import { addressOf, upstreamServices } from '../../src/serve/upstream-service.ts';
import { readTlsOf } from '../../src/tls/tls-files.ts';
import type { CompiledUpstream } from '../../src/program/route-program.ts';
import { Authority } from '../tls/certificates.ts';
import { workerdBinary } from '../bench/workerd-process.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-config-'));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
const authority = new Authority(folder, 'ca');
const client = authority.issue('client');

function upstream(origin: string): CompiledUpstream {
  return { id: `http/${origin}`, origin, via: { kind: 'binding' }, resolvedBy: 'services', service: 'a.b:80' };
}

/** What the runtime itself makes of a configuration; throws with its message when it refuses. */
function accepted(text: string, name: string): Buffer {
  fs.writeFileSync(path.join(folder, 'worker.js'), 'export default {};');
  const file = path.join(folder, `${name}.capnp`);
  fs.writeFileSync(file, text);
  return execFileSync(workerdBinary(), ['compile', '--config-only', file], { stdio: ['ignore', 'pipe', 'pipe'] });
}

const edge = {
  kvFolder: '/state/kv',
  keysFolder: '/state/keys',
  secrets: secretBindings({ KEY_PEPPER: 'hunter2', OTHER: 'x' }),
  services: [],
  unbound: [],
  refreshMs: 2000,
  verifyKey: null,
};

describe('configurations', () => {
  it('are accepted by the runtime', async () => {
    const upstreams = [
      upstream('http://web.shop:8080'),
      upstream('https://api.example.com'),
      upstream('https://[fd00::1]:8443'),
      {
        ...upstream('https://10.0.0.1'),
        tls: {
          serverName: 'a.test',
          ca: authority.pair.certificateFile,
          certificate: { chain: client.certificateFile, key: client.keyFile },
        },
      },
    ];
    const { services } = upstreamServices(upstreams, (await readTlsOf(upstreams, folder)).materials);
    expect(services).toHaveLength(4);
    expect(accepted(edgeConfig({ ...edge, services }), 'edge').length).toBeGreaterThan(500);
    expect(accepted(objectsConfig('/state/objects'), 'objects').length).toBeGreaterThan(200);
  });

  it('name the variables of secrets and hold no secret', () => {
    const text = edgeConfig(edge);
    expect(text).toContain('(name = "SECRET_KEY_PEPPER", fromEnvironment = "PORTOLAN_SECRET_KEY_PEPPER")');
    expect(text).toContain('(name = "SECRET_OTHER", fromEnvironment = "PORTOLAN_SECRET_OTHER")');
    expect(text).not.toContain('hunter2');
  });

  it('are refused by it when they are wrong, so that the test above can fail', () => {
    expect(() => accepted(edgeConfig(edge).replace('kvNamespace', 'kvNamspace'), 'broken')).toThrow('kvNamspace');
  });

  it('carry any text unchanged', () => {
    const hostile = ['"), (name = "x"', '\\', '\\"', '\n', '\u0000\u0001\u007f', 'é𝄞', '# not a comment', "'"];
    for (const [index, value] of hostile.entries()) {
      const compiled = accepted(edgeConfig({ ...edge, kvFolder: `/<<${value}>>` }), `text-${index}`);
      expect(compiled.includes(`/<<${value}>>`)).toBe(true);
    }
  });
});

describe('capnpText', () => {
  it('never ends its own quotes and spells control characters out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const text = capnpText(value);
        // A naive reading of the grammar: quote, then escapes or plain characters, then quote.
        expect(text).toMatch(/^"(?:\\x[0-9a-f]{2}|\\["\\n]|[^"\\\p{Cc}]|[\u0080-\u009f])*"$/u);
      }),
      { numRuns: 500 },
    );
  });
});

describe('addressOf', () => {
  it.each([
    ['http://web.shop:8080', { secure: false, host: 'web.shop', port: 8080 }],
    ['http://web', { secure: false, host: 'web', port: 80 }],
    ['https://web.example.com.', { secure: true, host: 'web.example.com.', port: 443 }],
    ['http://my_service.ns:1', { secure: false, host: 'my_service.ns', port: 1 }],
    ['http://127.0.0.1:65535', { secure: false, host: '127.0.0.1', port: 65535 }],
    ['http://[::1]:81', { secure: false, host: '[::1]', port: 81 }],
  ])('takes %s', (origin, expected) => {
    expect(addressOf(origin)).toEqual(expected);
  });

  it.each([
    'http://*:80',
    'http://*.shop:80',
    'http://web:0',
    'ftp://web',
    'unix:/tmp/x',
    'web:80',
    '',
    'http://a..b',
    `http://${'a'.repeat(64)}.b`,
    'http://-a.b',
  ])('refuses %s', (origin) => {
    expect(addressOf(origin)).toBeNull();
    expect(upstreamServices([upstream(origin)], new Map())).toEqual({
      services: [],
      unusable: [{ upstreamId: `http/${origin}`, reason: `${origin} is not an address to connect to` }],
    });
  });

  it('takes names, authorities and certificates from what was read, and leaves out what could not be', () => {
    const named = upstream('https://10.0.0.1:8443');
    const lost = upstream('https://10.0.0.2');
    const certificate = { chain: 'CHAIN\n', key: 'KEY\n' };
    const material = { serverName: 'api.internal', authorities: ['ONE', 'TWO'], certificate };
    const { services, unusable } = upstreamServices([named, lost], new Map([[named.id, material]]));
    expect(services.map(({ text }) => text)).toEqual([
      expect.stringContaining(
        'tlsOptions = (trustedCertificates = ["ONE", "TWO"], keypair = (privateKey = "KEY\\n", ' +
          'certificateChain = "CHAIN\\n")), certificateHost = "api.internal"',
      ),
    ]);
    expect(unusable).toEqual([{ upstreamId: lost.id, reason: 'files of its TLS settings cannot be used' }]);
  });

  it('leaves upstreams of other transports alone', () => {
    const unusable = upstream('http://*:1');
    const found = upstreamServices(
      [
        { ...unusable, via: { kind: 'fetch' } },
        { ...unusable, via: { kind: 'vpc', binding: 'B' } },
      ],
      new Map(),
    );
    expect(found).toEqual({ services: [], unusable: [] });
  });
});
