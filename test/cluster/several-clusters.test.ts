/**
 * Two real API servers behind one gateway, both ways: a slice of each and one publisher, and one process
 * with two contexts. Every sync is a process of its own, as it would be in the clusters.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { ask, echoOf } from '../e2e/dev-process.ts';
import { run, startServe, type LogLine, type ServeProcess } from '../e2e/serve-process.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster } from './cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const NAMES = ['east', 'west'] as const;
type Name = (typeof NAMES)[number];

type Sync = { readonly log: readonly LogLine[]; stop(signal?: NodeJS.Signals): Promise<number | null> };

const clusters = {} as Record<Name, Cluster>;
const echoes = {} as Record<Name, EchoServer>;
const kubeconfigs = {} as Record<Name, string>;
const running = new Map<string, Sync>();
let gateway: ServeProcess;

beforeAll(async () => {
  const tools = buildTools();
  for (const name of NAMES) {
    const cluster = await Cluster.start(tools);
    clusters[name] = cluster;
    cluster.kubectl(['apply', '-f', path.join(ROOT, 'deploy', 'crds')]);
    cluster.kubectl(['wait', '--for', 'condition=established', '--timeout=90s', 'crd', '-lproduct=aes']);
    cluster.kubectl(['create', 'namespace', 'gateway']);
    cluster.kubectl(['create', 'serviceaccount', 'sync', '-n', 'gateway']);
    cluster.kubectl([
      'create',
      'clusterrolebinding',
      'sync',
      '--clusterrole=cluster-admin',
      '--serviceaccount=gateway:sync',
    ]);
    const token = cluster.kubectl(['create', 'token', 'sync', '-n', 'gateway']).trim();
    kubeconfigs[name] = cluster.writeKubeconfig('sync.kubeconfig', token, name);
    echoes[name] = await startEcho({ name, port: 0 });
  }
  const entries = NAMES.map((name) => [name, { services: { 'one.default': echoes[name].url } }]);
  gateway = await startServe({
    config: `export default { clusters: ${JSON.stringify(Object.fromEntries(entries))} };`,
    sources: false,
  });
});
afterAll(async () => {
  for (const sync of running.values()) await sync.stop();
  await gateway.close();
  for (const name of NAMES) {
    await echoes[name].close();
    await clusters[name].stop();
  }
});

function start(id: string, args: readonly string[], kubeconfig: string): Sync {
  const child = spawn(
    process.execPath,
    [
      '--conditions=portolan-source',
      path.join(ROOT, 'src', 'cli.ts'),
      'sync',
      '--watch',
      '--to=dir:state',
      '--config=portolan.config.mjs',
      ...args,
    ],
    { cwd: gateway.base, env: { ...process.env, KUBECONFIG: kubeconfig }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const log: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => log.push(JSON.parse(line) as LogLine));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const sync: Sync = {
    log,
    stop: (signal = 'SIGTERM') => {
      running.delete(id);
      child.kill(signal);
      return exited;
    },
  };
  running.set(id, sync);
  return sync;
}

/** A kubeconfig that outlives its cluster. */
function standalone(name: Name): string {
  const file = path.join(gateway.base, `${name}.kubeconfig`);
  const authority = fs.readFileSync(clusters[name].authority, 'base64');
  const text = fs.readFileSync(kubeconfigs[name], 'utf8');
  const byPath = JSON.stringify({ 'certificate-authority': clusters[name].authority }).slice(1, -1);
  fs.writeFileSync(file, text.replace(byPath, `"certificate-authority-data":"${authority}"`), { mode: 0o600 });
  return file;
}

function startSlice(name: Name): Sync {
  return start(name, ['--slice', name, '--lease-namespace=gateway'], kubeconfigs[name]);
}

function apply(name: Name, mapping: string, spec: object = {}): void {
  const object = {
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping',
    metadata: { name: mapping, namespace: 'default' },
    spec: { hostname: '*', prefix: `/${mapping}/`, service: 'one', ...spec },
  };
  clusters[name].kubectl(['apply', '-f', '-'], JSON.stringify(object));
}

function conditions(name: Name, mapping: string): Readonly<Record<string, string>> {
  const printed = clusters[name].kubectl(['get', 'mapping', mapping, '-o', 'json']);
  const { status } = JSON.parse(printed) as { status?: { conditions: Record<'type' | 'status' | 'reason', string>[] } };
  return Object.fromEntries(
    (status?.conditions ?? []).map(({ type, status: is, reason }) => [type, is === 'True' ? is : reason]),
  );
}
const SERVED = { Accepted: 'True', ResolvedRefs: 'True', Programmed: 'True' };

/** Which backends answer; a status where none does. */
async function answering(mapping: string): Promise<readonly (string | number)[]> {
  const answers = await Promise.all(
    Array.from({ length: 24 }, async () => {
      const answer = await ask(gateway.port, `/${mapping}/x`).catch(String);
      if (typeof answer === 'string') return answer;
      return answer.status === 200 ? echoOf(answer).service : answer.status;
    }),
  );
  return [...new Set(answers)].toSorted((a, b) => String(a).localeCompare(String(b)));
}

async function answers(mapping: string, expected: readonly (string | number)[]): Promise<void> {
  await until(
    async () => JSON.stringify(await answering(mapping)) === JSON.stringify(expected),
    `${mapping} is answered by ${expected.join(' and ')}`,
  );
}

async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const logs = [...running].map(
    ([id, { log }]) =>
      `${id}\n${log
        .slice(-20)
        .map((line) => JSON.stringify(line))
        .join('\n')}`,
  );
  throw new Error(`never: ${what}\n${logs.join('\n')}`);
}

describe('a slice of each cluster and one publisher', () => {
  it('makes one route of the same Mapping in both, and tells both', async () => {
    for (const name of NAMES) startSlice(name);
    start('publisher', ['--publisher', '--lease-namespace=gateway'], kubeconfigs.east);
    for (const name of NAMES) apply(name, 'both');
    apply('west', 'right');
    await answers('both', ['east', 'west']);
    await answers('right', ['west']);
    for (const name of NAMES)
      await until(() => JSON.stringify(conditions(name, 'both')) === JSON.stringify(SERVED), `${name} is told`);
  });

  it('serves the version of the first cluster where they differ, and says so in the other', async () => {
    apply('west', 'both', { timeout_ms: 1000 });
    await until(() => conditions('west', 'both')['Programmed'] === 'OtherCluster', 'west is told');
    expect(conditions('west', 'both')['Accepted']).toBe('ClusterConflict');
    expect(conditions('east', 'both')).toEqual(SERVED);
    await answers('both', ['east']);
    apply('west', 'both');
    await answers('both', ['east', 'west']);
  });

  it('keeps the routes of a cluster whose sync is gone, and follows the other', async () => {
    await running.get('west')?.stop('SIGKILL');
    apply('east', 'left');
    await answers('left', ['east']);
    expect(await answering('both')).toEqual(['east', 'west']);
    expect(await answering('right')).toEqual(['west']);
    // A publisher that starts meanwhile knows no less.
    await running.get('publisher')?.stop();
    start('publisher', ['--publisher', '--lease-namespace=gateway'], kubeconfigs.east);
    apply('east', 'later');
    await answers('later', ['east']);
    expect(await answering('right')).toEqual(['west']);
    startSlice('west');
  });

  it('takes a Mapping that is deleted in one cluster out of that one', async () => {
    clusters.west.kubectl(['delete', 'mapping', 'both']);
    await answers('both', ['east']);
    clusters.east.kubectl(['delete', 'mapping', 'both']);
    await answers('both', [404]);
  });

  it('keeps what a damaged slice held, and heals it', async () => {
    const slice = path.join(gateway.state, 'kv', 'slice-west');
    await running.get('west')?.stop();
    fs.writeFileSync(slice, '{"format":1,"kind":"sl');
    const said = (): boolean =>
      running.get('publisher')?.log.some(({ message }) => String(message).includes('what cluster west held')) ?? false;
    await until(said, 'the publisher says so');
    apply('east', 'meanwhile');
    await answers('meanwhile', ['east']);
    expect(await answering('right')).toEqual(['west']);
    startSlice('west');
    apply('west', 'meanwhile');
    await answers('meanwhile', ['east', 'west']);
  });
});

describe('one process with two contexts', () => {
  it('goes on with what the publisher left, and outlives a cluster that is gone', async () => {
    for (const sync of running.values()) await sync.stop();
    const config = NAMES.map(standalone).join(path.delimiter);
    start('direct', ['--context=east', '--context=west', '--lease-namespace=gateway'], config);
    for (const name of NAMES) apply(name, 'direct');
    await answers('direct', ['east', 'west']);
    for (const name of NAMES)
      await until(() => JSON.stringify(conditions(name, 'direct')) === JSON.stringify(SERVED), `${name} is told`);
    clusters.west.kubectl(['delete', 'mapping', 'direct']);
    await answers('direct', ['east']);

    const once = ['sync', '--once', '--to=dir:state', '--config=portolan.config.mjs', '--json'];
    const contexts = ['--context=east', '--context=west'];
    const same = await run([...once, ...contexts], gateway.base, { KUBECONFIG: config });
    expect({ code: same.code, ...JSON.parse(same.stdout) }).toMatchObject({ code: 0, reason: 'unchanged' });

    await clusters.west.stop();
    const lost = await run([...once, ...contexts], gateway.base, { KUBECONFIG: config });
    expect(lost).toMatchObject({ code: 1, stderr: expect.stringMatching(/cluster west cannot be read/) });
    apply('east', 'alone');
    await answers('alone', ['east']);
    expect(await answering('right')).toEqual(['west']);
    // Started without it, too, after some patience.
    await running.get('direct')?.stop();
    start('direct', ['--context=east', '--context=west', '--lease-namespace=gateway'], config);
    apply('east', 'after');
    await until(async () => (await answering('after'))[0] === 'east', 'it waits no longer');
    expect(await answering('right')).toEqual(['west']);
  });
});
