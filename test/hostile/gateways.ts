/** The gateways that the corpus talks to: one program, with the switches of each. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { buildProgram } from '../../src/compile/build-program.ts';
import type { GatewayDefinition, ParityDefinition } from '../../src/config/definition.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { parseManifests } from '../../src/resources/manifests.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startWorkerd, type WorkerdProcess } from '../bench/workerd-process.ts';
import { startBackends, type RecordingBackends } from './recording-backend.ts';

export type Switches = { readonly parity?: ParityDefinition; readonly gateway?: GatewayDefinition };

/** `default`: every switch as it is when nothing is written. */
export const GATEWAYS = {
  default: {},
  normalize: { parity: { dotSegments: 'normalize', pathParams: 'strip-in-dot-segments', mergeSlashes: true } },
  escaped: { parity: { escapedSlashes: 'keep', dotSegments: 'normalize' } },
  params: { parity: { pathParams: 'keep' } },
  collapse: {
    parity: { rewriteDoubleSlash: 'collapse', hostPort: 'strict' },
    gateway: { headersWithUnderscores: 'reject' },
  },
  trusted: {
    gateway: { trustedHops: 1, headersWithUnderscores: 'allow', preserveRequestId: true, cookieLines: 'keep' },
  },
} as const satisfies Readonly<Record<string, Switches>>;

export type GatewayName = keyof typeof GATEWAYS;

export const BACKENDS = ['public', 'protected', 'api', 'role', 'ws', 'rest', 'other'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** `protected` is for `/admin…` of h.test alone; everything else that h.test is asked for goes to `rest`. */
const MAPPINGS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  public: { prefix: '/public' },
  protected: { prefix: '/admin' },
  api: { prefix: '/api', rewrite: '/' },
  cut: { prefix: '/cut/', rewrite: undefined, regex_rewrite: { pattern: '^/cut/.(.*)$', substitution: '/\\1' } },
  role: { prefix: '/role', headers: { 'x-role': 'admin' } },
  ws: { prefix: '/ws', allow_upgrade: ['websocket'] },
  rest: { prefix: '/' },
  quick: { prefix: '/quick', timeout_ms: 300 },
  moved: { prefix: '/moved', host_redirect: true, service: 'elsewhere.test' },
  other: { prefix: '/', hostname: 'other.test' },
};

export type Gateway = {
  readonly port: number;
  readonly backends: RecordingBackends;
  close(): Promise<void>;
};

export async function startGateway(folder: string, switches: Switches): Promise<Gateway> {
  const { code } = await bundleWorker({ minify: true });
  return startBehind(folder, switches, code);
}

/** `code`: the Worker to judge, which finds the same bindings and the same program. */
export async function startBehind(folder: string, switches: Switches, code: string): Promise<Gateway> {
  const backends = await startBackends(BACKENDS);
  const program = await publishInto(folder, backends.addresses, switches);
  const workerd: WorkerdProcess = await startWorkerd({
    code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    objects: { RATE_LIMITS: 'RateLimitObject' },
    text: { PLATFORM: 'self-hosted' },
    backends: bindings(program, backends.addresses),
  });
  return {
    port: workerd.port,
    backends,
    close: async () => {
      backends.close();
      await workerd.close();
    },
  };
}

/** The program of the corpus, published into a state folder. */
export async function publishInto(
  folder: string,
  addresses: Readonly<Record<string, string>>,
  switches: Switches,
): Promise<RouteProgram> {
  const { program, accepted } = build(addresses, switches);
  fs.mkdirSync(folder, { recursive: true });
  await publishProgram(await openStateFolder(folder), await encodeProgram(program), {
    now: new Date().toISOString(),
    sources: accepted,
  });
  return program;
}

/** Every upstream of the program, and each backend by its own name for Workers that know no program. */
function bindings(program: RouteProgram, addresses: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(addresses).map(([name, address]) => [name.toUpperCase(), address])),
    ...Object.fromEntries(program.upstreams.map(({ id, origin }) => [bindingName(id), new URL(origin).host])),
  };
}

function build(addresses: Readonly<Record<string, string>>, { parity, gateway }: Switches) {
  const findings: Finding[] = [];
  const report = (finding: Finding): unknown => findings.push(finding);
  const objects = Object.entries(MAPPINGS).map(([name, spec]) => ({
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping',
    metadata: { name, namespace: 'hostile' },
    spec: { hostname: 'h.test', rewrite: '', service: addresses[name] ?? addresses['rest'], timeout_ms: 5000, ...spec },
  }));
  const text = objects.map((object) => JSON.stringify(object)).join('\n---\n');
  // The version in the answer tells ours from the runtime's.
  const settings = { parity: { ...parity }, gateway: { ...gateway, exposeConfigVersion: true } };
  const config = parseConfig(settings, report, 'routes.config.ts');
  const built = buildProgram(
    { objects: parseManifests([{ file: 'hostile.yaml', text }], report), config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00.000Z' },
  );
  const bad = built.findings.find(({ severity }) => severity !== 'info');
  if (bad !== undefined) throw new Error(`The program has findings: ${bad.code}: ${bad.message}`);
  return built;
}
