/**
 * The gateway under test, as a process. `startBareGateway` is the built Worker in one bare workerd
 * that reads its program from a KV server; whatever else serves a program can be a FaultGateway too.
 */
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { startWorkerd } from '../bench/workerd-process.ts';

export type FaultGateway = {
  readonly port: number;
  /** Of the process that takes the requests. */
  readonly pid: number;
  /** Looks at the store now; the version served afterwards, null: none. */
  reload(): Promise<string | null>;
  /** The live program and why the newest candidate was refused. */
  status(): Promise<GatewayStatus>;
  /** May be called again. */
  close(): Promise<void>;
};

export type GatewayStatus = {
  readonly version: string | null;
  readonly sequence: number | null;
  readonly rejected: string | null;
};

export type BareGatewayOptions = {
  readonly folder: string;
  readonly kvAddress: string;
  /** Every upstream of it is bound to the origin it names. */
  readonly program: RouteProgram;
  readonly refreshMs?: number;
  readonly verifyKey?: unknown;
};

let bundled: Promise<string> | null = null;
let started = 0;

export async function startBareGateway(options: BareGatewayOptions): Promise<FaultGateway> {
  bundled ??= bundleWorker({ minify: true }).then(({ code }) => code);
  started += 1;
  const { upstreams } = options.program;
  const workerd = await startWorkerd({
    code: await bundled,
    folder: path.join(options.folder, `gateway-${started}`),
    kvAddress: options.kvAddress,
    control: true,
    objects: { RATE_LIMITS: 'RateLimitObject' },
    backends: Object.fromEntries(upstreams.map(({ id, origin }) => [bindingName(id), new URL(origin).host])),
    text: {
      REFRESH_MS: String(options.refreshMs ?? 50),
      ...(options.verifyKey !== undefined && { VERIFY_KEY: JSON.stringify(options.verifyKey) }),
    },
  });
  let closing: Promise<void> | null = null;
  const control = `http://127.0.0.1:${workerd.controlPort}`;
  return {
    port: workerd.port,
    pid: workerd.pid,
    reload: async () => {
      const answer = await fetch(`${control}/reload`, { method: 'POST' });
      return ((await answer.json()) as { version: string | null }).version;
    },
    status: async () => (await (await fetch(`${control}/status`)).json()) as GatewayStatus,
    close: () => (closing ??= workerd.close()),
  };
}
