/** Inputs made from parts: spelling, encoding, position, repetition. Only the invariants judge them. */
import { request, shown } from './corpus/input.ts';
import type { GatewayName } from './gateways.ts';
import type { Intent } from './invariants.ts';

export type Variant = { readonly what: string; readonly bytes: string; readonly intent: Intent };

const SEED = 20_260_101;
const SPOOFED = '6.6.6.6';

const DOTS = [
  '..',
  '%2e%2e',
  '%2E.',
  '.%2e',
  '..;',
  '..;a=b',
  '..%3b',
  '%252e%252e',
  '..%00',
  '..%c0%af',
  '%ef%bc%8e.',
  '.',
  '...',
];
const SEPARATORS = ['/', '//', '%2f', '%2F', '\\', '%5c', '/./', ';/', '%252f', '/%2e/'];
const BASES = ['/public', '/public/x', '/api', '/a', ''];
const GOALS = ['admin', '%61dmin', 'admin/x', 'ADMIN', 'admin;x', 'public/../admin'];
const ENDS = ['', '/', '?x', '#x', ';x', '%20', '/..', '?/../admin'];

/** All of one run; the same in every run. */
export function makeVariants(): readonly Variant[] {
  const random = randomFrom(SEED);
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? '';
  return [...pathVariants(pick, random), ...hostVariants(), ...spoofVariants(), ...framingVariants()];
}

type Pick = (list: readonly string[]) => string;

function pathVariants(pick: Pick, random: () => number): readonly Variant[] {
  const variants: Variant[] = [];
  const add = (gateway: GatewayName, target: string): void => {
    variants.push({
      what: `${gateway}: target ${shown(target)}`,
      bytes: request(target),
      intent: intent({ gateway, mayReachProtected: gateway === 'normalize' || gateway === 'escaped' }),
    });
  };
  // Every kind of dots with every separator once, then combinations.
  for (const dots of DOTS)
    for (const separator of SEPARATORS) add('default', `/public${separator}${dots}${separator}admin`);
  for (const gateway of ['default', 'normalize', 'escaped', 'params', 'collapse'] as const) {
    for (let count = 0; count < 120; count += 1) {
      let target = pick(BASES);
      const steps = 1 + Math.floor(random() * 3);
      for (let step = 0; step < steps; step += 1) target += pick(SEPARATORS) + pick(DOTS);
      target += pick(SEPARATORS) + pick(GOALS) + pick(ENDS);
      add(gateway, target.startsWith('/') ? target : `/${target}`);
    }
  }
  return variants;
}

/** Every printable byte that is not part of a name, and some others, at the start, inside and at the end of a Host. */
function hostVariants(): readonly Variant[] {
  const bytes = ' !"#$%&\'()*+,/:;<=>?@[\\]^`{|}~\t\x0b\x7f\x80\xad\xff'.split('');
  const hosts = bytes.flatMap((byte) => [
    `${byte}h.test`,
    `h${byte}.test`,
    `h.test${byte}`,
    `h.test${byte}/admin`,
    `h.test${byte}@other.test`,
  ]);
  return hosts.map((host) => ({
    what: `Host ${shown(host)}`,
    bytes: request('/public/x', { host }),
    intent: intent({}),
  }));
}

const FORWARDING = [
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-client-cert',
  'x-real-ip',
  'forwarded',
  'true-client-ip',
  'cf-connecting-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-envoy-original-path',
  'x-envoy-expected-rq-timeout-ms',
  'x-portolan-relay',
  'x-request-id',
];

function spoofVariants(): readonly Variant[] {
  const spellings: ((name: string) => string)[] = [
    (name) => name,
    (name) => name.toUpperCase(),
    (name) => name.replaceAll('-', '_'),
    (name) => name.replace('-', '_'),
    (name) => name.replace(/-([^-]*)$/, '_$1'),
  ];
  const surroundings: ((line: string, name: string) => readonly string[])[] = [
    (line) => [line],
    (line) => [line, line],
    (line, name) => [line, `Connection: x-other, ${name}`],
    (line, name) => [`Connection: ${name}`, `${name}:`, line],
  ];
  return [...new Set(FORWARDING.flatMap((name) => spellings.map((spell) => spell(name))))].flatMap((name) =>
    surroundings.map((surround) => {
      const lines = surround(`${name}: ${SPOOFED}`, name);
      return {
        what: `headers ${shown(lines.join(' | '))}`,
        bytes: request('/a', { lines }),
        intent: intent({ spoofed: [SPOOFED] }),
      };
    }),
  );
}

const CODINGS = [
  'Transfer-Encoding: chunked',
  ' Transfer-Encoding: chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding:\n chunked',
  'Transfer-Encoding: chunked\0',
  'Transfer_Encoding: chunked',
  'TRANSFER-ENCODING: CHUNKED',
  'X: x\nTransfer-Encoding: chunked',
  'X: x\rTransfer-Encoding: chunked',
  'Transfer-Encoding: x\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x',
  'Transfer-Encoding: chunked, x',
  'Transfer-Encoding: x, chunked',
  'Transfer-Encoding: "chunked"',
];

/** The body holds a request of its own: however it is read, backends get no more requests than answers come back. */
function framingVariants(): readonly Variant[] {
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: h.test\r\n\r\n';
  const bodies = [
    `0\r\n\r\n${inner}`,
    `3\r\nabc\r\n0\r\n\r\n${inner}`,
    `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
  ];
  return CODINGS.flatMap((coding) =>
    bodies.flatMap((body) =>
      [
        [],
        ['Content-Length: 5'],
        [`Content-Length: ${body.length}`],
        ['Content-Length: 5', 'Content-Length: 6'],
      ].flatMap((lengths) =>
        [
          [coding, ...lengths],
          [...lengths, coding],
        ].map((lines) => ({
          what: `framing ${shown(lines.join(' | '))}`,
          bytes: request('/a', { method: 'POST', lines, body }),
          intent: intent({ requests: 2 }),
        })),
      ),
    ),
  );
}

function intent(parts: Partial<Intent>): Intent {
  return { gateway: 'default', mayReachProtected: false, requests: 1, spoofed: [], ...parts };
}

/** Mulberry32: numbers in [0, 1), the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
