/**
 * What must hold for every input whatever it is, judged by the bytes that backends received. Paths are
 * read here as a careless backend may read them, without any code of the gateway.
 */
import { GATEWAYS, type BackendName, type GatewayName, type Switches } from './gateways.ts';
import { valuesOf, type Recorded } from './recording-backend.ts';

/** What the input is by construction. */
export type Intent = {
  readonly gateway: GatewayName;
  /** The input asks for `/admin…` of h.test, in so many words or by what the gateway's switches say. */
  readonly mayReachProtected: boolean;
  /** Requests in the input. */
  readonly requests: number;
  /** Values that the client made up for headers that only a proxy may write. */
  readonly spoofed: readonly string[];
};

const NEVER: ReadonlySet<string> = new Set([
  'cf-connecting-ip',
  'client-ip',
  'expect',
  'forwarded',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'true-client-ip',
  'x-forwarded-client-cert',
  'x-original-url',
  'x-real-ip',
  'x-rewrite-url',
]);
const OURS = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-request-id'];
const PREFIXES: Partial<Record<BackendName, string>> = {
  public: '/public',
  protected: '/admin',
  role: '/role',
  ws: '/ws',
};

/** Sentences; empty: all is well. */
export function violationsOf(seen: readonly Recorded[], answers: number, intent: Intent): readonly string[] {
  const whole = seen.filter(({ isCut }) => !isCut);
  const found = seen.flatMap((request) => [
    ...request.faults.map((fault) => `framing: ${fault}`),
    ...headerFaults(request, intent),
    ...pathFaults(request, GATEWAYS[intent.gateway]),
  ]);
  if (seen.length > intent.requests)
    found.push(`${seen.length} requests reached backends, ${intent.requests} were sent`);
  if (whole.length > answers)
    found.push(`${whole.length} whole requests reached backends, ${answers} answers came back`);
  if (!intent.mayReachProtected && seen.some(({ backend }) => backend === 'protected')) {
    found.push('the protected backend was reached');
  }
  return found;
}

function headerFaults({ backend, lines }: Recorded, { gateway, spoofed }: Intent): readonly string[] {
  const { gateway: settings }: Switches = GATEWAYS[gateway];
  const names = lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
  const isUpgrade = backend === 'ws' && names.includes('upgrade');
  const found = names.filter((name) => NEVER.has(name)).map((name) => `the header ${name} reached a backend`);
  for (const name of names) {
    if (name.includes('_') && settings?.headersWithUnderscores !== 'allow')
      found.push(`the header ${name} has an underscore`);
    if ((name === 'connection' || name === 'upgrade') && !isUpgrade) found.push(`the header ${name} reached a backend`);
  }
  for (const name of OURS) {
    if (valuesOf(lines, name).length !== 1) found.push(`${valuesOf(lines, name).length} lines of ${name}`);
    const folded = name.replaceAll('-', '_');
    if (names.includes(folded)) found.push(`${folded} stands beside ${name}`);
  }
  const host = valuesOf(lines, 'host').join();
  if (!/^(?:h|other)\.test(?::8080)?$/.test(host)) found.push(`Host is ${host}`);
  if ((host.startsWith('other.') || host === 'other.test') !== (backend === 'other'))
    found.push(`${backend} got Host ${host}`);
  for (const value of spoofed) {
    if (lines.some((line) => line.includes(value))) found.push(`the made-up value ${value} reached a backend`);
  }
  return found;
}

function pathFaults({ backend, requestLine, lines }: Recorded, switches: Switches): readonly string[] {
  const found: string[] = [];
  const wire = pathOf(requestLine.split(' ')[1] ?? '');
  const rewritten = valuesOf(lines, 'x-envoy-original-path')[0];
  const chosenBy = rewritten === undefined ? wire : pathOf(rewritten);
  for (const path of rewritten === undefined ? [wire] : [wire, chosenBy]) {
    for (const reading of readings(path, switches)) {
      if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(reading)) found.push(`${path} can be read as ${reading}, with a dot segment`);
    }
  }
  if (backend === 'other') return found;
  for (const reading of readings(chosenBy, switches)) {
    const route = routeOf(resolved(reading));
    if (route !== backend && !(backend === 'rest' && route === 'role')) {
      found.push(`${chosenBy} went to ${backend}; read as ${resolved(reading)} it belongs to ${route}`);
    }
  }
  return found;
}

function pathOf(target: string): string {
  return target.split('?')[0] ?? '';
}

/** What backends make of a path: as it stands, decoded, without parameters, with slashes for backslashes. */
export function readings(path: string, { parity }: Switches): readonly string[] {
  const decoders: ((text: string) => string)[] = [(text) => text];
  const keepsEscapes: boolean = parity?.escapedSlashes === 'keep';
  decoders.push((text) => decodeOnce(text, keepsEscapes));
  const finishers: ((text: string) => string)[] = [(text) => text, (text) => text.replaceAll('\\', '/')];
  if (parity?.pathParams !== 'keep') finishers.push((text) => text.replaceAll('\\', '/').replaceAll(/;[^/]*/g, ''));
  if (parity?.mergeSlashes === true) finishers.push((text) => text.replaceAll(/\/{2,}/g, '/'));
  return [...new Set(decoders.flatMap((decode) => finishers.map((finish) => finish(decode(path)))))];
}

function decodeOnce(text: string, keepsSlashes: boolean): string {
  return text.replaceAll(/%([0-9a-fA-F]{2})/g, (whole, digits: string) => {
    const byte = Number.parseInt(digits, 16);
    // A question or number sign from an escape is data; writing it here would cut the path.
    if (byte === 0x3f || byte === 0x23 || (keepsSlashes && (byte === 0x2f || byte === 0x5c))) return whole;
    return String.fromCharCode(byte);
  });
}

function resolved(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  return `/${kept.join('/')}`;
}

/** The routing table of gateways.ts, written again by hand. */
function routeOf(path: string): BackendName {
  for (const [backend, prefix] of Object.entries(PREFIXES)) if (path.startsWith(prefix)) return backend as BackendName;
  return path.startsWith('/api') ? 'api' : 'rest';
}
