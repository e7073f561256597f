/** Ports of policies over the bindings of a Worker's environment, which arrives as a plain record. */
import type { Fence, PolicyPorts, SharedTexts } from '../policies/contract.ts';
import type { Platform } from './transport.ts';
import { isFetcher } from './upstream/bound-backends.ts';

type Environment = Readonly<Record<string, unknown>>;

/** Variables that hold secrets begin with it, so that a configuration can name nothing else of the process. */
const SECRET_PREFIX = 'SECRET_';
/** Self-hosting: a service that connects to public addresses only. */
const PUBLIC_NETWORK = 'PUBLIC_NETWORK';
/** Seconds a positive answer may be kept near by; the least that KV takes. */
const KEY_TTL = 30;

export function policyPorts(
  platform: Platform,
  env: Environment,
): Pick<PolicyPorts, 'fence' | 'askPublic' | 'keys' | 'secret' | 'shared'> {
  return {
    fence: fencesOf(env),
    askPublic: publicNetwork(platform, env),
    keys: keyNamespace(env),
    secret: secretsOf(env),
    shared: sharedTexts(),
  };
}

function publicNetwork(platform: Platform, env: Environment): PolicyPorts['askPublic'] {
  if (platform === 'cloudflare') return (url, init) => fetch(url, { ...init, redirect: 'manual' });
  const service = env[PUBLIC_NETWORK];
  if (!isFetcher(service)) return null;
  return (url, init) => service.fetch(url, { ...init, redirect: 'manual' });
}

function keyNamespace({ KEYS }: Environment): PolicyPorts['keys'] {
  if (!isNamespace(KEYS))
    return { get: () => Promise.reject(new Error('This gateway process has no namespace KEYS.')) };
  return { get: (name) => KEYS.get(name, { cacheTtl: KEY_TTL }) };
}

function secretsOf(env: Environment): PolicyPorts['secret'] {
  return (name) => {
    const value = env[SECRET_PREFIX + name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
}

function fencesOf(env: Environment): PolicyPorts['fence'] {
  return (name) => {
    const binding = Object.hasOwn(env, name) ? env[name] : undefined;
    return isFence(binding) ? binding : null;
  };
}

/** Names are made into addresses that nothing else uses; the cache is of this gateway's own zone or process. */
const CACHE_ORIGIN = 'https://shared.portolan.internal/';

/** null where the runtime has no Cache API (bare workerd without a cache service throws when it is asked). */
function sharedTexts(): SharedTexts | null {
  const cache: unknown = Reflect.get(Reflect.get(globalThis, 'caches') ?? {}, 'default');
  if (!isCache(cache)) return null;
  return {
    get: async (name) => {
      try {
        const found = await cache.match(addressOf(name));
        return found === undefined ? null : await found.text();
      } catch {
        return null;
      }
    },
    put: async (name, text, seconds) => {
      try {
        await cache.put(addressOf(name), new Response(text, { headers: { 'cache-control': `max-age=${seconds}` } }));
      } catch {
        // It is a cache: what could not be kept is asked for again.
      }
    },
  };
}

function addressOf(name: string): string {
  return CACHE_ORIGIN + encodeURIComponent(name);
}

interface CacheLike {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

function isCache(value: unknown): value is CacheLike {
  return typeof value === 'object' && value !== null && 'match' in value && 'put' in value;
}

/** A service binding answers to any name of a method, and must not be taken for one. */
function isFence(value: unknown): value is Fence {
  return (
    typeof value === 'object' &&
    value !== null &&
    !isFetcher(value) &&
    'limit' in value &&
    typeof value.limit === 'function'
  );
}

function isNamespace(value: unknown): value is { get(name: string, options: object): Promise<string | null> } {
  return typeof value === 'object' && value !== null && 'get' in value && typeof value.get === 'function';
}
