/**
 * Runs the gateway Worker in miniflare for `portolan dev`: KV and Durable Objects on disk, one
 * service binding per backend, one relay for backends that appear later.
 *
 * The public port is a workerd socket wired straight to the Worker. miniflare's own front would
 * normalise URLs, rewrite Accept-Encoding and re-compress answers, which hides exactly what a
 * gateway must show (see docs/request-path.md).
 */
import { Miniflare, type MiniflareOptions } from 'miniflare';
import type { SocketAnswer } from '../sockets/unix-socket.ts';
import { bindingName } from '../program/binding-name.ts';
import type { CompiledUpstream } from '../program/route-program.ts';
import type { TlsMaterial } from '../tls/tls-files.ts';
import { COMPATIBILITY_DATE, KEYS_BINDING, NAMESPACES, MINIFLARE_BASE, ROUTES_BINDING } from './local-store.ts';

const GATEWAY = 'gateway';
/** The Worker's `Control` and `Limiter`, bound for us alone: sockets of theirs would be open to everybody on this machine. */
const CONTROL_BINDING = 'CONTROL';
const COUNTERS_BINDING = 'COUNTERS';
/** More bindings than this slow workerd's start; the rest go through the relay. */
export const MAX_DIRECT_BINDINGS = 128;

/** Where an upstream really listens. `tls`: null for http. */
export type BackendPlace = { readonly address: URL; readonly tls: TlsMaterial | null };

export type GatewayRuntimeOptions = {
  /** Bundled Worker (scripts/bundle-worker.ts). */
  readonly workerCode: string;
  /** Folder of KV and Durable Object state; created if missing. */
  readonly stateFolder: string;
  readonly port: number;
  /** Backends with a binding of their own. */
  readonly upstreams: readonly { readonly upstream: CompiledUpstream; readonly place: BackendPlace }[];
  readonly relayPort: number;
  /** By name, without a prefix. They reach the runtime over a pipe, never by a file or a command line. */
  readonly secrets: Readonly<Record<string, string>>;
  /** One line of the Worker's own log. */
  readonly onLog: (line: string) => void;
};

export type GatewayRuntime = {
  readonly miniflare: Miniflare;
  /** Makes the Worker load the current pointer now; resolves when it serves it (or has refused it and said so in its log). */
  reload(): Promise<void>;
  /** `POST /decide` to the Worker's `Limiter`, with calls as JSON. */
  decide(calls: string): Promise<SocketAnswer>;
  close(): Promise<void>;
};

type Binding = { type: 'external'; address: string; http?: object; https?: object };

type Entrypoint = {
  fetch(url: string, init: { readonly method: 'POST'; readonly body?: string }): Promise<Response>;
};
type OwnBindings = { readonly [CONTROL_BINDING]: Entrypoint; readonly [COUNTERS_BINDING]: Entrypoint };

export async function startGatewayRuntime(options: GatewayRuntimeOptions): Promise<GatewayRuntime> {
  const env: Record<string, Binding> = {
    UPSTREAM_RELAY: { type: 'external', address: `127.0.0.1:${options.relayPort}`, http: {} },
  };
  for (const { upstream, place } of options.upstreams) env[bindingName(upstream.id)] = externalBinding(place);

  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see the end of the literal
  const miniflare = new Miniflare({
    ...MINIFLARE_BASE,
    handleStructuredLogs: ({ message }: { readonly message: string }) => options.onLog(message),
    resourcePersistencePath: options.stateFolder,
    workers: [
      {
        config: {
          name: GATEWAY,
          compatibilityDate: COMPATIBILITY_DATE,
          // Tells the Worker that a client has gone.
          compatibilityFlags: ['enable_request_signal'],
          manifest: {
            mainModule: 'worker.js',
            modules: { 'worker.js': { type: 'esm', contents: options.workerCode } },
          },
          env: {
            [ROUTES_BINDING]: { type: 'kv', id: NAMESPACES[ROUTES_BINDING] },
            [KEYS_BINDING]: { type: 'kv', id: NAMESPACES[KEYS_BINDING] },
            RATE_LIMITS: { type: 'durable-object', worker: GATEWAY, exportName: 'RateLimitObject' },
            [CONTROL_BINDING]: { type: 'worker', worker: GATEWAY, exportName: 'Control' },
            [COUNTERS_BINDING]: { type: 'worker', worker: GATEWAY, exportName: 'Limiter' },
            PLATFORM: { type: 'text', value: 'dev' },
            REFRESH_MS: { type: 'text', value: '1000' },
            ...secretTexts(options.secrets),
            // As in serve/runtime-config.ts: what nobody wrote into the configuration is public or not reached.
            PUBLIC_NETWORK: { type: 'network', allow: ['public'], tlsOptions: { trustBrowserCas: true } },
            ...env,
          },
          exports: { RateLimitObject: { type: 'durable-object', storage: 'sqlite' } },
        },
        dev: {
          unsafeDirectSockets: [{ host: '127.0.0.1', port: options.port }],
        },
      },
    ],
    // The declared type asks for Cap'n Proto fields of `external` that the runtime schema leaves optional.
  } as unknown as MiniflareOptions);
  await miniflare.ready;
  const { [CONTROL_BINDING]: control, [COUNTERS_BINDING]: limiter } = await miniflare.getBindings<OwnBindings>(GATEWAY);
  return {
    miniflare,
    reload: async () => {
      const answer = await control.fetch('http://control/reload', { method: 'POST' });
      if (!answer.ok) throw new Error(`the Worker answered ${answer.status} to a reload`);
      await answer.arrayBuffer();
    },
    decide: async (calls) => {
      const answer = await limiter.fetch('http://limiter/decide', { method: 'POST', body: calls });
      return { status: answer.status, body: await answer.text() };
    },
    close: () => miniflare.dispose(),
  };
}

function secretTexts(secrets: Readonly<Record<string, string>>): Record<string, { type: 'text'; value: string }> {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [`SECRET_${name}`, { type: 'text' as const, value }]),
  );
}

function externalBinding({ address, tls }: BackendPlace): Binding {
  const port = address.port === '' ? (tls === null ? '80' : '443') : address.port;
  return {
    type: 'external',
    address: `${address.hostname}:${port}`,
    ...(tls === null ? { http: {} } : { https: httpsBinding(tls) }),
  };
}

function httpsBinding({ serverName, authorities, certificate }: TlsMaterial): object {
  return {
    options: {},
    tlsOptions: {
      ...(authorities === null ? { trustBrowserCas: true } : { trustedCertificates: authorities }),
      ...(certificate !== null && {
        keypair: { privateKey: certificate.key, certificateChain: certificate.chain },
      }),
    },
    certificateHost: serverName,
  };
}
