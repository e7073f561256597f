/**
 * The whole way on a real API server: kubectl, sync with the chart's own permissions and nothing more,
 * a state folder, `portolan serve`, real requests.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEcho, type EchoServer } from '../../src/dev/echo-server.ts';
import { loadProgram } from '../../src/program/load-program.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { ask, echoOf } from '../e2e/dev-process.ts';
import { eventually, startServe, type LogLine, type ServeProcess } from '../e2e/serve-process.ts';
import { percentile } from '../faults/scenario.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster } from './cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
/** `MAPPINGS=5000 APPLIES=100 npm run test:cluster` prints the figures of docs/sync.md. */
const MANY = Number(process.env['MAPPINGS'] ?? 1_000);
const APPLIES = Number(process.env['APPLIES'] ?? 20);

let cluster: Cluster;
let echo: EchoServer;
let gateway: ServeProcess;
let sync: SyncProcess;

type SyncProcess = {
  readonly log: readonly LogLine[];
  readonly child: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

beforeAll(async () => {
  cluster = await Cluster.start(buildTools());
  cluster.kubectl(['apply', '-f', path.join(ROOT, 'deploy', 'crds')]);
  cluster.kubectl(['wait', '--for', 'condition=established', '--timeout=90s', 'crd', '-lproduct=aes']);
  cluster.kubectl(['create', 'namespace', 'gateway']);
  // What the chart grants, and its account; the pods themselves need nodes, which there are none of.
  const rendered = cluster.helm([
    'template',
    'routes',
    path.join(ROOT, 'deploy/helm/portolan'),
    '--namespace=gateway',
    '--set=cloudflare.accountId=a,cloudflare.kvNamespaceId=b,cloudflare.tokenSecret.name=c',
  ]);
  const granted = rendered.stdout.split(/^---$/m).filter((text) => /^kind: (\w*Role\w*|ServiceAccount)$/m.test(text));
  expect(granted.length).toBeGreaterThanOrEqual(3);
  cluster.kubectl(['apply', '-n', 'gateway', '-f', '-'], granted.join('\n---\n'));

  echo = await startEcho({ name: 'one', port: 0 });
  gateway = await startServe({ config: config(), sources: false, args: ['--processes', '2'] });
  sync = startSync();
});
afterAll(async () => {
  await sync.stop();
  await gateway.close();
  await echo.close();
  await cluster.stop();
});

function config(): string {
  return `export default { clusters: { local: { services: ${JSON.stringify({ 'one.default': echo.url })} } } };`;
}

function startSync(): SyncProcess {
  const token = cluster.kubectl(['create', 'token', 'routes-portolan', '-n', 'gateway']).trim();
  const child = spawn(
    process.execPath,
    [
      '--conditions=portolan-source',
      path.join(ROOT, 'src', 'cli.ts'),
      'sync',
      '--watch',
      '--to=dir:state',
      '--config=portolan.config.mjs',
      '--lease-namespace=gateway',
      '--lease-name=routes-portolan',
    ],
    {
      cwd: gateway.base,
      env: { ...process.env, KUBECONFIG: cluster.writeKubeconfig('sync.kubeconfig', token) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const log: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => log.push(JSON.parse(line) as LogLine));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    log,
    child,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

function mapping(name: string, spec: object): string {
  return JSON.stringify({
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping',
    metadata: { name, namespace: 'default' },
    spec: { hostname: '*', prefix: `/${name}/`, service: 'one', ...spec },
  });
}

type Conditions = Readonly<
  Record<string, { readonly status: string; readonly reason: string; readonly message: string }>
>;

function conditionsOf(name: string): Conditions {
  const { status } = JSON.parse(cluster.kubectl(['get', 'mapping', name, '-o', 'json'])) as {
    status?: { conditions: { type: string; status: string; reason: string; message: string }[] };
  };
  return Object.fromEntries((status?.conditions ?? []).map((condition) => [condition.type, condition]));
}

function programmed(): number {
  const lines = cluster.kubectl([
    'get',
    'mappings',
    '-o',
    `jsonpath={range .items[*]}{.status.conditions[?(@.type=="Programmed")].status}{"\\n"}{end}`,
  ]);
  return lines.split('\n').filter((line) => line === 'True').length;
}

const ROUTE_OF_7 = 'Mapping/default/m-7';

/** Of all Mappings, by `namespace/name`. */
function resourceVersions(): Readonly<Record<string, string>> {
  const columns = 'NS:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion';
  const lines = cluster.kubectl(['get', 'mappings', '-A', '--no-headers', '-o', `custom-columns=${columns}`]);
  return Object.fromEntries(
    lines
      .trim()
      .split('\n')
      .map((line) => line.split(/ +/))
      .map(([namespace, name, version]) => [`${namespace}/${name}`, version ?? '']),
  );
}

/** Of the live program, by route id. */
async function liveRoutes(): Promise<Readonly<Record<string, CompiledRoute>>> {
  const loaded = await loadProgram(await openStateFolder(gateway.state));
  const tables = Object.values(loaded?.program.tables ?? {});
  return Object.fromEntries(tables.flat().map((route) => [route.id, route]));
}

/** Keys that are in one only, or stand for something else in the other. */
function differences(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): readonly string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
}

/** No status was written for a while. */
async function untilStill(): Promise<void> {
  let before = resourceVersions();
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const now = resourceVersions();
    const isStill = differences(before, now).length === 0;
    before = now;
    return isStill;
  }, 'nothing is written any more');
}

async function status(name: string): Promise<number> {
  return (await ask(gateway.port, `/${name}/x`)).status;
}

describe('sync', () => {
  it('makes many Mappings live and says so on each', async () => {
    const all = Array.from({ length: MANY }, (_, index) => mapping(`m-${index}`, {}));
    cluster.kubectl(['apply', '--server-side', '-f', '-'], all.join('\n'));
    await until(() => programmed() === MANY, 'all are programmed');
    expect(echoOf(await ask(gateway.port, '/m-999/a%2Db')).url).toBe('/a-b');
    expect(conditionsOf('m-5')).toMatchObject({
      Accepted: { status: 'True', reason: 'Accepted' },
      ResolvedRefs: { status: 'True' },
      Programmed: { status: 'True', reason: 'Programmed' },
    });
    expect(cluster.kubectl(['get', 'mapping', 'm-5'])).toMatch(/m-5 +\* +\/m-5\/ +one +True +True/);
  });

  it('follows applies with one request after the other, and fails none on the routes that were there', async () => {
    const done = { value: false };
    const statuses = new Map<number, number>();
    const load = (async () => {
      for (let index = 0; !done.value; index += 1) {
        const found = await status(`m-${index % MANY}`);
        statuses.set(found, (statuses.get(found) ?? 0) + 1);
      }
    })();
    const tookMs: number[] = [];
    for (let count = 0; count < APPLIES; count += 1) {
      cluster.kubectl(['apply', '-f', '-'], mapping(`new-${count}`, {}));
      const applied = performance.now();
      await eventually(async () => (await status(`new-${count}`)) === 200, 'it is live');
      tookMs.push(performance.now() - applied);
    }
    done.value = true;
    await load;
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(100);
    const figures = {
      mappings: MANY,
      applies: tookMs.length,
      firstAnswerP50Ms: percentile(tookMs, 0.5),
      firstAnswerP99Ms: percentile(tookMs, 0.99),
      requests: statuses.get(200),
    };
    console.log(JSON.stringify(figures));
  });

  it('tells of one that is broken, keeps its last version, and touches nothing else', async () => {
    await untilStill();
    const [versions, routes] = [resourceVersions(), await liveRoutes()];
    cluster.kubectl(['patch', 'mapping', 'm-7', '--type=merge', '-p', '{"spec":{"cors":{"max_age":"soon"}}}']);
    await until(() => conditionsOf('m-7')['Accepted']?.status === 'False', 'it is not accepted');
    expect(conditionsOf('m-7')).toMatchObject({
      Accepted: { reason: 'FieldInvalid', message: expect.stringContaining('spec.cors.max_age') },
      Programmed: { status: 'False', reason: 'EarlierVersion' },
    });
    expect(await status('m-7')).toBe(200);
    expect(await status('m-8')).toBe(200);
    await until(() => cluster.kubectl(['get', 'events']).includes('FieldInvalid'), 'there is an event');
    await untilStill();
    expect(differences(versions, resourceVersions())).toEqual(['default/m-7']);
    // What it does is the same to the letter, but for saying since when an earlier version serves.
    const { [ROUTE_OF_7]: before, ...others } = routes;
    const { [ROUTE_OF_7]: after, ...othersNow } = await liveRoutes();
    expect(differences(others, othersNow)).toEqual([]);
    expect(after).toMatchObject({ staleSince: expect.any(String) });
    expect({ ...after, staleSince: undefined }).toEqual(before);
    cluster.kubectl(['patch', 'mapping', 'm-7', '--type=merge', '-p', '{"spec":{"cors":{"max_age":"60"}}}']);
    await until(() => conditionsOf('m-7')['Programmed']?.status === 'True', 'it is programmed again');
  });

  it('takes deleted routes away, but not most of them at once', async () => {
    cluster.kubectl(['delete', 'mapping', 'new-0', 'new-1']);
    await eventually(async () => (await status('new-0')) === 404, 'it is gone');
    const from = sync.log.length;
    // In one call: kubectl's own --all takes minutes.
    cluster.kubectl(['delete', '--raw', '/apis/getambassador.io/v3alpha1/namespaces/default/mappings']);
    await until(() => sync.log.slice(from).some(({ withheld }) => withheld !== undefined), 'it is withheld');
    expect(sync.log.findLast(({ withheld }) => withheld !== undefined)?.['withheld']).toMatch(
      /resources of \d+ would be gone.*--allow-mass-delete/,
    );
    // Deleting takes a while; what passes meanwhile lost together is bounded too.
    const sample = await Promise.all(Array.from({ length: 100 }, (_, index) => status(`m-${(index * MANY) / 100}`)));
    expect(sample.filter((found) => found === 200).length).toBeGreaterThanOrEqual(60);
    const all = Array.from({ length: MANY }, (_, index) => mapping(`m-${index}`, {}));
    cluster.kubectl(['apply', '--server-side', '-f', '-'], all.join('\n'));
    await until(() => programmed() === MANY, 'all are programmed again');
  });

  it('outlives a restart of the API server and versions that are gone', async () => {
    cluster.kubectl(['apply', '-f', '-'], mapping('before', {}));
    await eventually(async () => (await status('before')) === 200, 'it is live');
    await cluster.compact();
    await cluster.restartApiServer();
    cluster.kubectl(['apply', '-f', '-'], mapping('after', {}));
    cluster.kubectl(['delete', 'mapping', 'before']);
    await until(async () => (await status('after')) === 200 && (await status('before')) === 404, 'it goes on');
  });

  it('is taken over by another when the leader is killed', async () => {
    const next = startSync();
    try {
      await sync.stop('SIGKILL');
      cluster.kubectl(['apply', '-f', '-'], mapping('orphan', {}));
      await until(() => next.log.some(({ event }) => event === 'leading'), 'it leads');
      await eventually(async () => (await status('orphan')) === 200, 'it publishes');
    } finally {
      sync = next;
    }
  });

  it('reads what kubectl prints, without a cluster of its own', async () => {
    const printed = cluster.kubectl(['get', 'mappings', '-A', '-o', 'json']);
    const folder = fs.mkdtempSync(path.join(cluster.folder, 'piped-'));
    const child = spawn(
      process.execPath,
      [
        '--conditions=portolan-source',
        path.join(ROOT, 'src', 'cli.ts'),
        'sync',
        '--once',
        '--json',
        '-f',
        '-',
        '--to=dir:state',
        `--config=${path.join(gateway.base, 'portolan.config.mjs')}`,
      ],
      { cwd: folder, env: { ...process.env, KUBECONFIG: '/nonexistent' }, stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stdin.end(printed);
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, ...(JSON.parse(out) as object) }).toMatchObject({ code: 0, published: true, routes: MANY + 2 });
  });
});

async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(
    `never: ${what}\n${sync.log
      .map((line) => JSON.stringify(line))
      .join('\n')
      .slice(-4_000)}`,
  );
}
