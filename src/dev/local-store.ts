/**
 * The development server's KV namespaces as stores: the program, and API keys and users.
 *
 * `portolan publish --to local` and the first publish of `portolan dev` open it while no gateway
 * runs (or beside one: the namespace is a SQLite file and writers are serialised by workerd).
 */
import { Log, LogLevel, Miniflare } from 'miniflare';
import type { ProgramStore } from '../program/publish.ts';

export const COMPATIBILITY_DATE = '2026-11-01';
export const ROUTES_BINDING = 'ROUTES';
export const KEYS_BINDING = 'KEYS';
/** Ids of the namespaces by binding. */
export const NAMESPACES = { [ROUTES_BINDING]: 'routes', [KEYS_BINDING]: 'keys' } as const;
export type NamespaceBinding = keyof typeof NAMESPACES;

/** Of every miniflare here: nobody is asked or told anything, and no port is open but those that are asked for. */
export const MINIFLARE_BASE = {
  host: '127.0.0.1',
  port: 0,
  cf: false,
  telemetry: { enabled: false },
  // Its debug port would let every user of this machine call the Worker's entrypoints.
  enableDevRegistry: false,
  log: new Log(LogLevel.NONE),
} as const;

/** The part of a Workers KV namespace that a store needs. */
type KvNamespace = {
  get(key: string): Promise<string | null>;
  put(key: string, value: string, options?: { metadata?: unknown }): Promise<void>;
  delete(key: string): Promise<void>;
  list(options: { prefix?: string; cursor?: string }): Promise<{
    readonly keys: readonly { readonly name: string; readonly metadata?: unknown }[];
    readonly list_complete: boolean;
    readonly cursor?: string;
  }>;
};

/** A store on a KV namespace of a running miniflare. */
export async function kvStore(miniflare: Miniflare, binding: NamespaceBinding = ROUTES_BINDING): Promise<ProgramStore> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- miniflare types this binding with the Workers' own types
  const kv = (await miniflare.getKVNamespace(binding)) as unknown as KvNamespace;
  const put = (key: string, value: string): Promise<void> =>
    kv.put(key, value, { metadata: { writtenAt: new Date().toISOString() } });
  return {
    get: (key) => kv.get(key),
    put,
    putMany: async (values) => {
      await Promise.all(values.map(({ key, value }) => put(key, value)));
    },
    deleteMany: async (keys) => {
      await Promise.all(keys.map((key) => kv.delete(key)));
    },
    list: async (prefix) => {
      const found: { key: string; writtenAt: string | null }[] = [];
      let cursor: string | undefined;
      do {
        const page = await kv.list({ prefix, ...(cursor !== undefined && { cursor }) });
        for (const { name, metadata } of page.keys) found.push({ key: name, writtenAt: writtenAtOf(metadata) });
        cursor = page.list_complete ? undefined : page.cursor;
      } while (cursor !== undefined);
      return found;
    },
  };
}

/** Opens a namespace without a gateway. Close it before the gateway starts on the same folder. */
export async function openLocalStore(
  stateFolder: string,
  binding: NamespaceBinding = ROUTES_BINDING,
): Promise<{ store: ProgramStore; close(): Promise<void> }> {
  const miniflare = new Miniflare({
    ...MINIFLARE_BASE,
    resourcePersistencePath: stateFolder,
    workers: [
      {
        config: {
          name: 'store',
          compatibilityDate: COMPATIBILITY_DATE,
          manifest: {
            mainModule: 'store.js',
            modules: {
              'store.js': {
                type: 'esm',
                contents: 'export default { fetch: () => new Response(null, { status: 404 }) };',
              },
            },
          },
          env: { [binding]: { type: 'kv', id: NAMESPACES[binding] } },
        },
      },
    ],
  });
  await miniflare.ready;
  return { store: await kvStore(miniflare, binding), close: () => miniflare.dispose() };
}

function writtenAtOf(metadata: unknown): string | null {
  if (typeof metadata !== 'object' || metadata === null || !('writtenAt' in metadata)) return null;
  return typeof metadata.writtenAt === 'string' ? metadata.writtenAt : null;
}
