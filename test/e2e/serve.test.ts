import { generateKeyPairSync } from 'node:crypto';
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as net from 'node:net';
import * as path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { generateLoad } from '../bench/load-generator.ts';
import { ask, echoOf } from './dev-process.ts';
import {
  eventually,
  isAlive,
  run,
  runtimesIn,
  servePlace,
  startServe,
  type ServeInput,
  type ServeProcess,
} from './serve-process.ts';

let echo: EchoServer;
let other: EchoServer;
let node: ServeProcess | undefined;

beforeAll(async () => {
  echo = await startEcho({ name: 'one', port: 0 });
  other = await startEcho({ name: 'two', port: 0 });
});
afterEach(async () => {
  const base = node?.base;
  await node?.close();
  node = undefined;
  if (base !== undefined) expect(runtimesIn(base)).toEqual([]);
});
afterAll(async () => {
  await echo.close();
  await other.close();
});

function mapping(name: string, prefix: string, service: string, more = ''): string {
  return `apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: ${name}, namespace: default }
spec: { prefix: ${prefix}, service: ${service}${more} }
`;
}

/** Services one and two lead to the echo backends, nowhere to a closed port, star to no address at all. */
function config(): string {
  const services = {
    'one.default': echo.url,
    'two.default': other.url,
    'nowhere.default': 'http://127.0.0.1:1',
    'star.default': 'http://*.example:80',
  };
  return `export default { clusters: { local: { services: ${JSON.stringify(services)} } } };`;
}

async function start(input: ServeInput): Promise<ServeProcess> {
  node = await startServe({ config: config(), ...input });
  return node;
}

const one = mapping('one', '/one/', 'one');
const two = mapping('two', '/two/', 'two');

describe('with sources', () => {
  it('serves them, follows changes without a restart, and stops in good order', async () => {
    const served = await start({ files: { 'one.yaml': one }, args: ['--processes', '2'] });
    expect(echoOf(await ask(served.port, '/one/a%2Db?q')).url).toBe('/a-b?q');
    expect(await served.admin('GET', '/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await served.admin('GET', '/readyz')).toEqual({ status: 200, body: { status: 'ready' } });
    const before = await served.status();
    expect(before).toMatchObject({ ready: true, sequence: 1, upstreams: 1, objects: { state: 'ready', restarts: 0 } });
    expect(before.edges.map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(runtimesIn(served.base)).toHaveLength(3);

    fs.writeFileSync(path.join(served.folder, 'more.yaml'), mapping('more', '/more/', 'one'));
    const live = await served.next(({ event, sequence }) => event === 'program-live' && sequence === 2);
    expect(echoOf(await ask(served.port, '/more/x')).url).toBe('/x');
    const after = await served.status();
    expect(after.version).toBe(live['version']);
    expect(after.edges.map(({ version }) => version)).toEqual([live['version'], live['version']]);
    expect(after.edges.map(({ pid }) => pid)).toEqual(before.edges.map(({ pid }) => pid));

    expect(await served.close()).toBe(0);
    expect(served.log.at(-1)).toMatchObject({ process: 'supervisor', event: 'stopped' });
    node = undefined;
  });

  it('keeps the last program when a source breaks, and says so', async () => {
    const served = await start({ files: { 'one.yaml': one } });
    const from = served.log.length;
    fs.writeFileSync(path.join(served.folder, 'one.yaml'), one.replace('prefix: /one/', 'prefix: 1'));
    await served.next(({ event, code }) => event === 'finding' && code === 'serving-last-accepted', from);
    expect((await ask(served.port, '/one/x')).status).toBe(200);
    fs.writeFileSync(path.join(served.folder, 'one.yaml'), 'kind: [');
    const unread = await served.next(({ event, code }) => event === 'finding' && code === 'yaml-invalid', from);
    expect(unread['source']).toMatchObject({ line: 1 });
    await served.next(({ event }) => event === 'not-published', from);
    expect((await ask(served.port, '/one/x')).status).toBe(200);
    fs.writeFileSync(path.join(served.base, 'portolan.config.mjs'), 'export default {');
    await served.next(({ event, message }) => event === 'not-published' && String(message).includes('config'), from);
    expect((await ask(served.port, '/one/x')).status).toBe(200);
  });

  it('does not take a folder that became empty for a wish to serve the configuration alone', async () => {
    const routes = `[{ name: 'own', path: { exact: '/own' }, respond: { status: 200, body: 'own' } }]`;
    const served = await start({
      files: { 'one.yaml': one },
      config: config().replace('export default {', `export default { routes: ${routes},`),
    });
    const from = served.log.length;
    fs.rmSync(path.join(served.folder, 'one.yaml'));
    const { message } = await served.next(({ event }) => event === 'not-published', from);
    expect(message).toContain('what -f names holds no Kubernetes object');
    expect((await ask(served.port, '/one/x')).status).toBe(200);
  });

  it('lets the routes of an unusable address refuse, and serves the others', async () => {
    const files = { 'a.yaml': one, 'b.yaml': mapping('b', '/b/', 'star'), 'c.yaml': mapping('c', '/c/', 'nowhere') };
    const served = await start({ files });
    expect((await ask(served.port, '/one/x')).status).toBe(200);
    for (const target of ['/b/', '/c/']) {
      const answer = await ask(served.port, target);
      expect([502, 503]).toContain(answer.status);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
    expect((await served.status()).ready).toBe(true);
  });
});

describe('with a state folder alone', () => {
  it('answers 503 before a first program, then what is published; a known upstream costs no restart', async () => {
    const served = await start({ sources: false, args: ['--processes', '2'] });
    expect((await ask(served.port, '/one/x')).status).toBe(503);
    expect(await served.admin('GET', '/readyz')).toEqual({ status: 503, body: { reason: 'no program is loaded' } });
    expect(await served.publish(one)).toMatchObject({ code: 0, stdout: expect.stringContaining('"node": "reloaded"') });
    expect(echoOf(await ask(served.port, '/one/x')).service).toBe('one');
    const first = await served.status();
    expect(first.ready).toBe(true);

    await served.publish(`${one}---\n${mapping('again', '/again/', 'one')}`);
    expect((await ask(served.port, '/again/x')).status).toBe(200);
    const second = await served.status();
    expect(second.edges.map(({ pid }) => pid)).toEqual(first.edges.map(({ pid }) => pid));

    await served.publish(`${one}---\n${two}`);
    // An exchange of processes may take a busy machine longer than a publish waits for the node.
    const before = new Set(second.edges.map(({ pid }) => pid));
    await eventually(async () => {
      const { version, edges } = await served.status();
      return edges.length === 2 && edges.every((edge) => edge.version === version && !before.has(edge.pid));
    }, 'both processes are exchanged');
    expect(echoOf(await ask(served.port, '/two/x')).service).toBe('two');
    const third = await served.status();
    expect(third.edges.map(({ restarts }) => restarts)).toEqual([0, 0]);
    for (const { pid } of third.edges) expect(second.edges.map((edge) => edge.pid)).not.toContain(pid);
  });

  it('sees a version that nobody announced', async () => {
    const served = await start({ sources: false, args: ['--admin', '127.0.0.1:0'] });
    await served.publish(one);
    await served.next(({ event }) => event === 'program-live');
    expect((await ask(served.port, '/one/x')).status).toBe(200);
  });

  it('does not serve what was tampered with', async () => {
    const served = await start({ sources: false });
    await served.publish(one);
    const kv = path.join(served.state, 'kv');
    const shard = fs.readdirSync(kv).find((name) => name.startsWith('shard-')) ?? '';
    await served.publish(two);
    expect(echoOf(await ask(served.port, '/two/x')).service).toBe('two');
    const added = fs.readdirSync(kv).find((name) => name.startsWith('shard-') && name !== shard) ?? '';
    fs.writeFileSync(path.join(kv, added), fs.readFileSync(path.join(kv, added), 'utf8').replace('/two/', '/own/'));
    const from = served.log.length;
    process.kill(served.pid, 'SIGHUP');
    await served.next(({ event }) => event === 'restart-failed', from);
    expect(echoOf(await ask(served.port, '/two/x')).service).toBe('two');
    expect((await ask(served.port, '/own/x')).status).toBe(404);
  });
});

describe('signed programs', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = JSON.stringify(privateKey.export({ format: 'jwk' }));

  it('are what a node with a key serves, also when one of its processes dies over an unsigned one', async () => {
    const served = await start({
      files: { 'one.yaml': one },
      args: ['--processes', '2'],
      env: { PORTOLAN_SIGN_KEY: key },
    });
    for (const pid of runtimesIn(served.base))
      expect(fs.readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('PORTOLAN_SIGN_KEY');

    fs.writeFileSync(path.join(served.base, 'two.yaml'), two);
    const publish = ['publish', '--to', 'dir:state', '-f', 'two.yaml', '--config', 'portolan.config.mjs'];
    const { stderr } = await run(publish, served.base, { PORTOLAN_SIGN_KEY: '' });
    expect(stderr).toContain('The running node has not taken it: current: has no signature');
    const { edges } = await served.status();
    const from = served.log.length;
    process.kill(edges[0]?.pid ?? 0, 'SIGKILL');
    await served.next(({ event, process: name }) => event === 'process-not-ready' && name === 'edge-1', from);
    for (let index = 0; index < 20; index += 1) expect((await ask(served.port, '/one/x')).status).toBe(200);
  });
});

describe('processes', () => {
  it('are exchanged at SIGHUP without a lost request', async () => {
    const served = await start({ files: { 'one.yaml': one }, args: ['--processes', '2'] });
    const before = await served.status();
    const load = generateLoad({
      port: served.port,
      connections: 16,
      requests: 6000,
      // Fault F25B counts without it. Beside other tests, connections wait longer between their opening and
      // their request than the gateway holds back.
      repeatsOnNewConnection: true,
      request: (index) => `GET /one/${index} HTTP/1.1\r\nHost: h.test\r\n\r\n`,
    });
    for (let round = 0; round < 3; round += 1) {
      const from = served.log.length;
      process.kill(served.pid, 'SIGHUP');
      await served.next(({ event }) => event === 'rolled', from);
    }
    const { statuses, lost, repeated } = await load;
    const log = served.log.map((line) => JSON.stringify(line)).join('\n');
    expect({ statuses, lost }, log + served.errors()).toEqual({ statuses: { 200: 6000 }, lost: 0 });
    // Six exchanges of a process could each end 16 connections.
    expect(repeated, log + served.errors()).toBeLessThan(48);
    const after = await served.status();
    for (const { pid } of after.edges) expect(before.edges.map((edge) => edge.pid)).not.toContain(pid);
    await eventually(() => runtimesIn(served.base).length === 3, 'old processes end');
  });

  it('are started again when they die', async () => {
    const served = await start({ files: { 'one.yaml': one }, args: ['--processes', '2'] });
    const [edge] = (await served.status()).edges;
    process.kill(edge?.pid ?? 0, 'SIGKILL');
    await eventually(async () => (await served.status()).edges[0]?.restarts === 1, 'the death is seen');
    await eventually(async () => (await served.status()).edges[0]?.state === 'ready', 'edge-1 is up again');
    const { objects } = await served.status();
    process.kill(objects.pid ?? 0, 'SIGKILL');
    await eventually(async () => (await served.status()).objects.restarts === 1, 'the objects process ended');
    await eventually(async () => (await served.status()).objects.state === 'ready', 'it is up again');
    expect((await ask(served.port, '/one/x')).status).toBe(200);
  });

  it('are as many as before when one dies while its successor starts', async () => {
    const served = await start({ files: { 'one.yaml': one }, args: ['--processes', '2'] });
    const before = runtimesIn(served.base);
    // Not any child: whoever starts one waits until it has become the runtime, and would wait for a stopped one.
    const started = (): number[] => runtimesIn(served.base).filter((pid) => !before.includes(pid));
    const [edge] = (await served.status()).edges;
    process.kill(served.pid, 'SIGHUP');
    await eventually(() => started().length > 0, 'a successor starts');
    const [successor = 0] = started();
    process.kill(successor, 'SIGSTOP');
    process.kill(edge?.pid ?? 0, 'SIGKILL');
    await eventually(() => started().length > 1, 'the dead one is started again');
    process.kill(successor, 'SIGCONT');
    await served.next(({ event }) => event === 'rolled');
    await eventually(() => runtimesIn(served.base).length === 3, 'nothing is left beside the fleet');
    const { edges, objects } = await served.status();
    const known = [...edges, objects].map(({ pid }) => pid ?? 0);
    expect(new Set(runtimesIn(served.base))).toEqual(new Set(known));
    expect(edges.map(({ state }) => state)).toEqual(['ready', 'ready']);
  });

  it('finish their requests at SIGTERM, and are killed when they do not in time', async () => {
    const served = await start({
      files: { 'one.yaml': mapping('one', '/one/', 'one', ', timeout_ms: 60000') },
      args: ['--drain-seconds', '2'],
    });
    const inTime = ask(served.port, '/one/?delay_ms=700');
    const tooLate = ask(served.port, '/one/?delay_ms=30000').then(
      () => 'answered',
      () => 'cut',
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { base } = served;
    const ended = served.close();
    expect((await inTime).status).toBe(200);
    expect(await ended).toBe(0);
    expect(await tooLate).toBe('cut');
    expect(served.log.some(({ event }) => event === 'process-killed')).toBe(true);
    expect(runtimesIn(base)).toEqual([]);
    node = undefined;
  });

  it('do not outlive a killed supervisor', async () => {
    const served = await start({ files: { 'one.yaml': one } });
    process.kill(served.supervisorPid, 'SIGKILL');
    expect(await served.exited).toBe(1);
    await eventually(() => runtimesIn(served.base).length === 0, 'no runtime is left');
  });

  it('do not outlive a killed launcher', async () => {
    const served = await start({ files: { 'one.yaml': one } });
    process.kill(served.pid, 'SIGKILL');
    await eventually(() => runtimesIn(served.base).length === 0, 'no runtime is left');
    await eventually(() => !isAlive(served.supervisorPid), 'the supervisor ends');
  });
});

async function refused(input: ServeInput, prepare: (base: string) => void = () => undefined): Promise<string> {
  const { base, args } = servePlace({ config: config(), files: { 'one.yaml': one }, ...input });
  try {
    prepare(base);
    const { code, stderr } = await run(args, base);
    expect(code).toBe(1);
    expect(runtimesIn(base)).toEqual([]);
    const said = stderr.trim().split('\n').at(-1) ?? '';
    expect(said).toMatch(/^portolan: /);
    return said;
  } finally {
    fs.rmSync(base, { recursive: true, force: true });
  }
}

describe('a start that cannot be', () => {
  it('says that the port is in use', async () => {
    const taken = net.createServer();
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as net.AddressInfo;
    const { base, args } = servePlace({ config: config(), files: { 'one.yaml': one } });
    const { code, stdout, stderr } = await run(args.with(2, String(port)), base);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim()).toBe(`portolan: port ${port} is in use on 127.0.0.1: choose another with --port`);
    expect(fs.existsSync(path.join(base, 'state'))).toBe(false);
    taken.close();
    fs.rmSync(base, { recursive: true, force: true });
  });

  it('says that the state folder cannot be used', async () => {
    expect(await refused({}, (base) => fs.writeFileSync(path.join(base, 'state'), ''))).toContain(
      'cannot use state as a state folder',
    );
  });

  it('says that a folder lies where a file should be', async () => {
    const said = await refused({}, (base) => fs.mkdirSync(path.join(base, 'state/run/worker.js'), { recursive: true }));
    expect(said).toMatch(/cannot start in state: .*run\/worker\.js/);
  });

  it('says that another node serves the folder', async () => {
    const served = await start({ files: { 'one.yaml': one } });
    const { code, stderr } = await run(['serve', '--port', '0', '--state', 'state'], served.base);
    expect(code).toBe(1);
    expect(stderr.trim()).toBe('portolan: another node serves state: stop it, or choose another --state');
    expect((await ask(served.port, '/one/x')).status).toBe(200);
  });

  it('says that the admin port is in use', async () => {
    const taken = http.createServer();
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as net.AddressInfo;
    expect(await refused({ args: ['--admin', `127.0.0.1:${port}`] })).toContain(`cannot listen on 127.0.0.1:${port}`);
    taken.close();
  });

  it('says that sources without a signature would be refused, and writes nothing', async () => {
    const { base, args } = servePlace({ config: config(), files: { 'one.yaml': one } });
    const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const key = JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x });
    const { code, stderr } = await run(args, base, { PORTOLAN_VERIFY_KEY: key });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('set PORTOLAN_SIGN_KEY') });
    expect(fs.existsSync(path.join(base, 'state'))).toBe(false);
    fs.rmSync(base, { recursive: true, force: true });
  });

  it('says what is wrong with the configuration', async () => {
    expect(await refused({ config: 'export default {' })).toContain('portolan.config.mjs could not be loaded');
  });
});
