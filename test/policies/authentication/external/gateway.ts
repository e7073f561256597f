/** The built Worker on bare workerd between a backend and an authorisation service, both made of sockets. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { bundleWorker } from '../../../../scripts/bundle-worker.ts';
import { buildProgram, type BuildResult } from '../../../../src/compile/build-program.ts';
import { parseConfig } from '../../../../src/config/parse.ts';
import type { Finding } from '../../../../src/diagnostics/finding.ts';
import type { Json } from '../../../../src/model/route-model.ts';
import { bindingName } from '../../../../src/program/binding-name.ts';
import { encodeProgram } from '../../../../src/program/encode.ts';
import { publishProgram } from '../../../../src/program/publish.ts';
import { openStateFolder } from '../../../../src/stores/state-folder.ts';
import { startWorkerd } from '../../../bench/workerd-process.ts';
import { connect, startRawBackend, type RawBackend } from '../../../fidelity/stand.ts';
import { Wire } from '../../../fidelity/wire.ts';

export type ExternalGateway = {
  readonly backend: RawBackend;
  readonly auth: RawBackend;
  connect(): Promise<Wire>;
  log(): string;
  close(): Promise<void>;
};

/** `routes`: options of `external` by the first element of the path; `service` is the authorisation service unless written. */
export async function startExternalGateway(
  routes: Readonly<Record<string, Readonly<Record<string, Json>>>>,
): Promise<ExternalGateway> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-external-'));
  const [backend, auth] = [await startRawBackend(), await startRawBackend()];
  const { program, accepted } = build(routes, `http://127.0.0.1:${backend.port}`, `http://127.0.0.1:${auth.port}`);
  await publishProgram(await openStateFolder(folder), await encodeProgram(program), {
    now: new Date().toISOString(),
    sources: accepted,
  });
  const workerd = await startWorkerd({
    code: (await bundleWorker({ minify: true })).code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    objects: { RATE_LIMITS: 'RateLimitObject' },
    backends: Object.fromEntries(program.upstreams.map(({ id, origin }) => [bindingName(id), new URL(origin).host])),
  });
  const clients: Wire[] = [];
  return {
    backend,
    auth,
    connect: async () => {
      const wire = new Wire(await connect(workerd.port));
      clients.push(wire);
      return wire;
    },
    log: () => fs.readFileSync(path.join(folder, 'workerd.log'), 'utf8'),
    close: async () => {
      for (const { socket } of clients) socket.destroy();
      backend.close();
      auth.close();
      await workerd.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function build(
  routes: Readonly<Record<string, Readonly<Record<string, Json>>>>,
  backend: string,
  service: string,
): BuildResult {
  const findings: Finding[] = [];
  const entries = Object.entries(routes).map(([name, options]) => [name, { external: { service, ...options } }]);
  const config = parseConfig(
    {
      authentication: Object.fromEntries(entries),
      routes: Object.keys(routes).map((name) => ({ name, path: `/${name}/`, backend, policies: { auth: name } })),
    },
    (finding) => findings.push(finding),
    'routes.config.ts',
  );
  const built = buildProgram(
    { objects: [], config, initialFindings: findings },
    { target: 'self-hosted', unresolved: 'refuse', now: '2026-01-01T00:00:00.000Z' },
  );
  const bad = built.findings.find(({ severity }) => severity === 'error');
  if (bad !== undefined) throw new Error(`The input has findings: ${bad.code}: ${bad.message}`);
  return built;
}
