/** TLS toward upstreams through real processes: `serve` and `dev`, backends that demand what they were told to. */
import * as fs from 'node:fs';
import * as https from 'node:https';
import * as os from 'node:os';
import * as path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listeningPort } from '../../src/dev/listening-port.ts';
import { Authority, type Pair } from '../tls/certificates.ts';
import { ask, startDev, type DevProcess } from './dev-process.ts';
import { run, runtimesIn, servePlace, startServe, type LogLine, type ServeProcess } from './serve-process.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-tls-'));
const authority = new Authority(folder, 'ca');
const stranger = new Authority(folder, 'stranger');
const server = authority.issue('ledger', ['DNS:ledger.internal', 'IP:127.0.0.1']);
const client = authority.issue('gateway');
const intruder = stranger.issue('intruder');
/** What the TLS of the last request looked like to the backend. */
let seen: { readonly name: string | false | null; readonly client: string | null; readonly host: string | undefined };
let backend: https.Server;
let origin: string;
let node: ServeProcess | undefined;
let dev: DevProcess | undefined;

beforeAll(async () => {
  backend = https.createServer(
    { cert: server.certificate, key: server.key, ca: authority.pair.certificate, requestCert: true },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const subject: unknown = socket.getPeerCertificate().subject?.CN;
      seen = {
        name: socket.servername,
        client: typeof subject === 'string' ? subject : null,
        host: request.headers.host,
      };
      response.end('ledger');
    },
  );
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  origin = `https://127.0.0.1:${listeningPort(backend)}`;
});
afterEach(async () => {
  const base = node?.base;
  await node?.close();
  await dev?.close();
  node = undefined;
  dev = undefined;
  if (base !== undefined) expect(runtimesIn(base)).toEqual([]);
});
afterAll(async () => {
  backend.closeAllConnections();
  await new Promise((resolve) => backend.close(resolve));
  fs.rmSync(folder, { recursive: true, force: true });
});

const pair = ({ certificateFile, keyFile }: Pair): object => ({ chain: certificateFile, key: keyFile });

function services(): Readonly<Record<string, object>> {
  const ca = authority.pair.certificateFile;
  return {
    right: { serverName: 'ledger.internal', ca, certificate: pair(client) },
    address: { ca, certificate: pair(client) },
    nameless: { serverName: 'ledger.internal', ca },
    wrongname: { serverName: 'other.internal', ca },
    wrongca: { serverName: 'ledger.internal', ca: stranger.pair.certificateFile },
    public: {},
    intruder: { serverName: 'ledger.internal', ca, certificate: pair(intruder) },
  };
}

function configOf(entries: Readonly<Record<string, object>>): string {
  const named = Object.entries(entries).map(([name, tls]) => [`${name}.bank`, { url: origin, tls }]);
  return `export default ${JSON.stringify({ clusters: { local: { services: Object.fromEntries(named) } } })};`;
}

function mappings(names: readonly string[]): string {
  return names
    .map(
      (name) => `apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: ${name}, namespace: bank }
spec: { prefix: /${name}/, hostname: "*", service: "https://${name}.bank" }
`,
    )
    .join('---\n');
}

async function checkAll(port: number): Promise<void> {
  const right = await ask(port, '/right/x', { headers: { host: 'api.test' } });
  expect([right.status, right.body.toString()]).toEqual([200, 'ledger']);
  expect(seen).toEqual({ name: 'ledger.internal', client: 'gateway', host: 'api.test' });
  const before = seen;
  for (const name of ['nameless', 'intruder', 'wrongname', 'wrongca', 'public']) {
    const answer = await ask(port, `/${name}/x`);
    expect([name, answer.status]).toEqual([name, 503]);
    expect(answer.body.toString()).toContain('upstream-unreachable');
    expect(seen).toBe(before);
  }
  // Without a name of its own the address of the URL is what the certificate must hold.
  expect((await ask(port, '/address/x')).status).toBe(200);
  expect(seen.client).toBe('gateway');
}

describe('serve', () => {
  it('verifies upstreams by their settings and shows the certificate it was given', async () => {
    node = await startServe({
      config: configOf(services()),
      files: { 'bank.yaml': mappings(Object.keys(services())) },
      args: ['--processes', '1'],
    });
    await checkAll(node.port);
    const failed = await node.next(
      ({ event, route }) => event === 'request-failed' && route === 'Mapping/bank/wrongca',
    );
    const reason = await node.next(
      ({ event, reference }) => event === 'runtime' && String(failed['cause']).includes(String(reference)),
    );
    expect(reason['message']).toMatch(/TLS handshake failed: invalid peer certificate: UnknownIssuer$/);
    for (const name of fs.readdirSync(path.join(node.state, 'run')).filter((file) => /^edge-\d+\.capnp$/.test(file)))
      expect(fs.statSync(path.join(node.state, 'run', name)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['ca', { ca: 'absent.pem' }, 'tls.ca absent.pem does not exist'],
    [
      'certificate',
      { certificate: { chain: client.certificateFile, key: 'absent.key' } },
      'tls.certificate.key absent.key does not exist',
    ],
  ])('does not start without a file that is named: %s', async (_name, tls, problem) => {
    const { base, args } = servePlace({ config: configOf({ ledger: tls }), files: { 'a.yaml': mappings(['ledger']) } });
    try {
      const { code, stderr } = await run(args, base);
      expect({ code, stderr }).toEqual({ code: 1, stderr: `portolan: upstream ${origin}: ${problem}\n` });
      expect(runtimesIn(base)).toEqual([]);
      expect(fs.existsSync(path.join(base, 'state', 'admin.sock'))).toBe(false);
    } finally {
      fs.rmSync(base, { recursive: true, force: true });
    }
  });

  // Once more when another line of the log was taken for the awaited one.
  it('takes exchanged files over at SIGHUP, and outlives bad ones', { retry: 2 }, async () => {
    const chain = path.join(folder, 'rotating.pem');
    const key = path.join(folder, 'rotating.key');
    const copy = (from: Pair): void => {
      fs.copyFileSync(from.certificateFile, chain);
      fs.copyFileSync(from.keyFile, key);
    };
    copy(intruder);
    const { right = {} } = services();
    const rotating = { ...right, certificate: { chain, key } };
    const served = await startServe({
      config: configOf({ rotating }),
      files: { 'bank.yaml': mappings(['rotating']) },
      args: ['--processes', '1'],
    });
    node = served;
    expect((await ask(served.port, '/rotating/x')).status).toBe(503);

    const hangUp = async (): Promise<readonly LogLine[]> => {
      const from = served.log.length;
      process.kill(served.pid, 'SIGHUP');
      await served.next(({ event }) => event === 'rolled', from);
      return served.log.slice(from);
    };
    copy(client);
    await hangUp();
    expect((await ask(served.port, '/rotating/x')).status).toBe(200);

    fs.writeFileSync(key, 'half a file');
    expect(await hangUp()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        event: 'tls-file-unusable',
        message: `upstream ${origin}: tls.certificate.key ${key} holds no private key in PEM form`,
        usesEarlier: true,
      }),
    );
    expect((await ask(served.port, '/rotating/x')).status).toBe(200);

    const from = served.log.length;
    fs.writeFileSync(path.join(served.base, 'portolan.config.mjs'), configOf({ rotating, late: { ca: 'absent.pem' } }));
    fs.writeFileSync(path.join(served.folder, 'late.yaml'), mappings(['late']));
    const told = await served.next(
      ({ event, usesEarlier }) => event === 'tls-file-unusable' && usesEarlier === false,
      from,
    );
    // The two files may be read apart, and be two versions: the one that counts is live after it complained.
    await served.next(({ event }) => event === 'program-live', served.log.indexOf(told));
    const late = await ask(served.port, '/late/x');
    expect([late.status, late.body.toString()]).toEqual([503, expect.stringContaining('upstream-unbound')]);
    expect((await ask(served.port, '/rotating/x')).status).toBe(200);
  });
});

describe('dev', () => {
  it('does not start without a file that is named', async () => {
    const { base } = servePlace({
      config: configOf({ ledger: { ca: 'absent.pem' } }),
      files: { 'a.yaml': mappings(['ledger']) },
    });
    const args = ['dev', '-f', 'manifests', '--config', 'portolan.config.mjs', '--port', '0', '--state', 'state'];
    const { code, stderr } = await run(args, base);
    fs.rmSync(base, { recursive: true, force: true });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `portolan: upstream ${origin}: tls.ca absent.pem does not exist\n`,
    });
  });

  it('reaches upstreams that appear while it runs by their settings as well', async () => {
    const config = path.join(folder, 'dev-late.config.mjs');
    fs.writeFileSync(config, configOf(services()));
    const running = await startDev({ 'bank.yaml': mappings(['wrongname']) }, ['--config', config, '--port', '0']);
    dev = running;
    await running.change('bank.yaml', mappings(Object.keys(services())));
    await checkAll(running.port);
  });

  it('does the same', async () => {
    fs.writeFileSync(path.join(folder, 'dev.config.mjs'), configOf(services()));
    dev = await startDev({ 'bank.yaml': mappings(Object.keys(services())) }, [
      '--config',
      path.join(folder, 'dev.config.mjs'),
      '--port',
      '0',
    ]);
    await checkAll(dev.port);
  });
});
