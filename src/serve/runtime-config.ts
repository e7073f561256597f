/** The configurations of the two kinds of workerd process. Texts only; sockets get their addresses on the command line. */
import { capnpList, capnpText } from './capnp-text.ts';
import type { SecretVariable } from './secret-variables.ts';
import type { UpstreamService } from './upstream-service.ts';

const COMPATIBILITY_DATE = '2026-11-01';
/** Tells the Worker that a client has gone. */
const COMPATIBILITY_FLAGS: readonly string[] = ['enable_request_signal'];
/** Host name of the RPC connection between an edge process and the objects process; names nothing outside. */
const RPC_HOST = 'limiter';

export const WORKER_FILE = 'worker.js';
export const OBJECTS_SOCKET = 'objects.sock';

/**
 * A scavenge visits every live API object, so a small young generation means short pauses. Measured on
 * the whole gateway: p99 0.63 to 0.81 times that of V8's default, least memory, throughput within the
 * noise (docs/self-hosting.md). The process of the counters gains nothing from it.
 */
export const V8_FLAGS: readonly string[] = ['--max-semi-space-size=1'];

/**
 * What only a platform that is not here could have written. The Worker removes these too; taken away
 * at the socket they never reach a line of script.
 */
const STRIPPED_AT_SOCKET: readonly string[] = [
  'CF-Access-Authenticated-User-Email',
  'CF-Access-Jwt-Assertion',
  'CF-Connecting-IP',
  'CF-Connecting-IPv6',
  'CF-EW-Via',
  'CF-IPCountry',
  'CF-Pseudo-IPv4',
  'CF-RAY',
  'CF-Visitor',
  'CF-Worker',
  'X-Forwarded-Client-Cert',
];

/**
 * Addresses that nobody wrote into the configuration, such as the key set that an identity provider
 * names: public ones only, judged by the runtime when it connects, so that no name leads inside. It has
 * the name of the service that the runtime makes by itself for `fetch`, so that it costs nothing more.
 */
const PUBLIC_NETWORK = '(name = "internet", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true)))';

export type EdgeConfig = {
  readonly kvFolder: string;
  /** API keys and users. */
  readonly keysFolder: string;
  /** Variables of the process that hold secrets, by binding. Only their names are written here. */
  readonly secrets: readonly SecretVariable[];
  readonly services: readonly UpstreamService[];
  /** Ids of upstreams that have no service on purpose. */
  readonly unbound: readonly string[];
  /** How often a process looks at the pointer by itself, should a push be lost. Milliseconds. */
  readonly refreshMs: number;
  /** Public key or keys as JSON; see the Worker's VERIFY_KEY. */
  readonly verifyKey: string | null;
  readonly v8Flags?: readonly string[];
};

/** Stateless: any number of processes with this configuration share one listening socket. */
export function edgeConfig(config: EdgeConfig): string {
  const { kvFolder, keysFolder, secrets, services, unbound, refreshMs, verifyKey, v8Flags = V8_FLAGS } = config;
  const variables = {
    PLATFORM: 'self-hosted',
    REFRESH_MS: String(refreshMs),
    UNBOUND_UPSTREAMS: JSON.stringify(unbound),
    ...(verifyKey !== null && { VERIFY_KEY: verifyKey }),
  };
  return render({
    services: [
      '(name = "gateway", worker = .gateway)',
      `(name = "kv", disk = (path = ${capnpText(kvFolder)}))`,
      `(name = "keys", disk = (path = ${capnpText(keysFolder)}))`,
      `(name = "limiter", external = (address = "unix:${OBJECTS_SOCKET}", http = (capnpConnectHost = "${RPC_HOST}")))`,
      PUBLIC_NETWORK,
      ...services.map(({ text }) => text),
    ],
    sockets: [
      `(name = "http", service = "gateway", http = (injectRequestHeaders = [${STRIPPED_AT_SOCKET.map((name) => `(name = "${name}")`).join(', ')}]))`,
      '(name = "control", service = (name = "gateway", entrypoint = "Control"), http = ())',
    ],
    v8Flags,
    worker: {
      name: 'gateway',
      bindings: [
        '(name = "ROUTES", kvNamespace = "kv")',
        '(name = "KEYS", kvNamespace = "keys")',
        '(name = "RATE_LIMITER", service = "limiter")',
        ...secrets.map(({ binding, variable }) => `(name = "${binding}", fromEnvironment = "${variable}")`),
        '(name = "PUBLIC_NETWORK", service = "internet")',
        ...Object.entries(variables).map(([name, value]) => `(name = "${name}", text = ${capnpText(value)})`),
        ...services.map(({ name }) => `(name = "${name}", service = "${name}")`),
      ],
    },
  });
}

/**
 * Objects that share the counters of a node. All of them would share one thread, so one is the fastest,
 * needs the least memory, and decides several limits of a request in one call.
 */
const OBJECTS = 1;

/** The one process that holds the Durable Objects, so that a counter is counted in one place. */
export function objectsConfig(objectsFolder: string, objects = OBJECTS): string {
  return render({
    services: [
      '(name = "objects", worker = .objects)',
      `(name = "disk", disk = (path = ${capnpText(objectsFolder)}, writable = true))`,
    ],
    sockets: [
      `(name = "rpc", service = (name = "objects", entrypoint = "Limiter"), http = (capnpConnectHost = "${RPC_HOST}"))`,
    ],
    v8Flags: [],
    worker: {
      name: 'objects',
      bindings: [
        '(name = "RATE_LIMITS", durableObjectNamespace = "RateLimitObject")',
        `(name = "RATE_LIMIT_OBJECTS", text = "${objects}")`,
      ],
      storage: [
        'durableObjectNamespaces = [(className = "RateLimitObject", uniqueKey = "RateLimitObject", enableSql = true)]',
        'durableObjectStorage = (localDisk = "disk")',
      ],
    },
  });
}

type Parts = {
  readonly services: readonly string[];
  readonly sockets: readonly string[];
  readonly v8Flags: readonly string[];
  readonly worker: {
    readonly name: string;
    readonly bindings: readonly string[];
    readonly storage?: readonly string[];
  };
};

function render({ services, sockets, v8Flags, worker }: Parts): string {
  const fields = [
    `modules = [(name = "${WORKER_FILE}", esModule = embed "${WORKER_FILE}")]`,
    `compatibilityDate = "${COMPATIBILITY_DATE}"`,
    `compatibilityFlags = [${COMPATIBILITY_FLAGS.map(capnpText).join(', ')}]`,
    `bindings = ${capnpList(worker.bindings)}`,
    ...(worker.storage ?? []),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = ${capnpList(services)},
  sockets = ${capnpList(sockets)},
  v8Flags = [${v8Flags.map(capnpText).join(', ')}],
  logging = (structuredLogging = true)
);

const ${worker.name} :Workerd.Worker = (
  ${fields.join(',\n  ')}
);
`;
}
