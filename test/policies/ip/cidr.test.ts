/** Addresses and ranges against a naive model: every address one BigInt of 128 bits, every test a comparison. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../../src/model/ip-address.ts';
import { createAddressSet } from '../../../src/policies/ip/address-set.ts';
import { formatCidr, minimalCidrs, parseCidr } from '../../../src/policies/ip/cidr.ts';

type Address = { readonly family: 4 | 6; readonly value: bigint };
type Range = { readonly family: 4 | 6; readonly value: bigint; readonly bits: number };

const MAPPED = 0xffffn << 32n;
const isMapped = (value: bigint): boolean => value >> 32n === 0xffffn;

function quad(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
}
function groupsOf(value: bigint): string[] {
  return Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
}

// Few distinct bits, so that addresses fall inside ranges often.
const low = fc.bigInt(0n, 15n);
const value4 = fc.oneof(
  fc.tuple(low, low).map(([high, end]) => ((10n + high) << 24n) | end),
  fc.bigInt(0n, 0xffff_ffffn),
);
const value6 = fc
  .oneof(
    fc.tuple(low, low).map(([high, end]) => (0x2001_0db8n << 96n) | (high << 64n) | end),
    fc.tuple(low, low, fc.nat(7)).map(([a, b, at]) => (a << BigInt(at * 16)) | b),
    fc.bigInt(0n, (1n << 128n) - 1n),
  )
  .filter((value) => !isMapped(value));

/** A spelling of an IPv6 value: full, compressed anywhere, upper case, leading zeros, dotted tail. */
const spelling6 = (value: bigint) =>
  fc
    .record({ at: fc.nat(7), length: fc.nat(7), upper: fc.boolean(), pad: fc.boolean(), dotted: fc.boolean() })
    .map(({ at, length, upper, pad, dotted }) => {
      let groups = groupsOf(value).map((group) => (pad ? group.padStart(4, '0') : group));
      if (dotted) groups = [...groups.slice(0, 6), quad(value & 0xffff_ffffn)];
      const end = Math.min(at + length + 1, dotted ? 6 : 8);
      const isZero = at < end && groups.slice(at, end).every((group) => /^0+$/.test(group));
      const text = isZero ? `${groups.slice(0, at).join(':')}::${groups.slice(end).join(':')}` : groups.join(':');
      return upper ? text.toUpperCase() : text;
    });
const spelled = fc.oneof(
  value4.map((value) => ({ address: { family: 4, value } satisfies Address, text: quad(value) })),
  value4.chain((value) =>
    spelling6(MAPPED | value).map((text) => ({ address: { family: 4, value } satisfies Address, text })),
  ),
  value6.chain((value) => spelling6(value).map((text) => ({ address: { family: 6, value } satisfies Address, text }))),
);
const range = fc.oneof(
  fc
    .tuple(value4, fc.nat(32))
    .map(([value, bits]) => ({ family: 4 as const, value, bits, text: `${quad(value)}/${bits}` })),
  fc
    .tuple(value4, fc.nat(32))
    .map(([value, bits]) => ({ family: 4 as const, value, bits, text: `::ffff:${quad(value)}/${bits + 96}` })),
  fc
    .tuple(value6, fc.nat(128))
    .chain(([value, bits]) =>
      spelling6(value).map((text) => ({ family: 6 as const, value, bits, text: `${text}/${bits}` })),
    ),
);

function isInside(address: Address, { family, value, bits }: Range): boolean {
  const shift = BigInt((family === 4 ? 32 : 128) - bits);
  return address.family === family && address.value >> shift === value >> shift;
}
function read(text: string): Address | null {
  const words = new Uint32Array(4);
  const family = parseAddress(text, words);
  if (family === 0) return null;
  const value = [...words].reduce((whole, word) => (whole << 32n) | BigInt(word), 0n);
  return { family, value: family === 4 ? value >> 96n : value };
}

describe('parseAddress', () => {
  it('reads every spelling as the same address', () => {
    fc.assert(
      fc.property(spelled, ({ address, text }) => {
        const found = read(text);
        expect(found?.family).toBe(address.family);
        expect(found?.value).toBe(address.value);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['0.0.0.0', 0n],
    ['255.255.255.255', 0xffff_ffffn],
    ['::ffff:1.2.3.4', 0x0102_0304n],
    ['0:0:0:0:0:FFFF:102:304', 0x0102_0304n],
  ])('%s is IPv4', (text, value) => expect(read(text)).toEqual({ family: 4, value }));

  it.each([
    ['::', 0n],
    ['::1', 1n],
    ['1::', 1n << 112n],
    ['::1.2.3.4', 0x0102_0304n],
    ['64:ff9b::1.2.3.4', (0x64_ff9bn << 96n) | 0x0102_0304n],
  ])('%s is IPv6', (text, value) => expect(read(text)).toEqual({ family: 6, value }));

  it.each([
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.04',
    '1.2.3.4 ',
    '0x7f.0.0.1',
    '2130706433',
    '1..2.3',
    '.1.2.3.4',
    '1.2.3.',
    '1.2.3.4:80',
    '[::1]',
    ':',
    ':::',
    '1:::2',
    '::1::',
    '1:2:3:4:5:6:7',
    'localhost',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    '12345::',
    '::g',
    'fe80::1%eth0',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1.2.3',
    '1.2.3.4::',
    ':1',
    '1:',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:8::',
    '::01.2.3.4',
    '１.2.3.4',
    '-1.2.3.4',
    '::-1',
  ])('%j is no address', (text) => expect(read(text)).toBeNull());
});

describe('ranges', () => {
  it('hold exactly what the model says', () => {
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 12 }),
        fc.array(spelled, { minLength: 1, maxLength: 12 }),
        (ranges, all) => {
          const set = createAddressSet(ranges.map(({ text }) => text));
          for (const { address, text } of all) {
            expect(set.find(text)).toBe(ranges.some((each) => isInside(address, each)) ? 'inside' : 'outside');
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('hold their first and last address and not the neighbours', () => {
    fc.assert(
      fc.property(range, ({ family, value, bits, text }) => {
        const width = family === 4 ? 32 : 128;
        const shift = BigInt(width - bits);
        const first = (value >> shift) << shift;
        const last = first + (1n << shift) - 1n;
        const set = createAddressSet([text]);
        const at = (address: bigint) => set.find(family === 4 ? quad(address) : groupsOf(address).join(':'));
        // The mapped edge of an IPv6 range is an IPv4 address, which is another family's.
        for (const edge of [first, last]) if (family === 4 || !isMapped(edge)) expect(at(edge)).toBe('inside');
        if (first > 0n && !isMapped(first - 1n)) expect(at(first - 1n)).toBe('outside');
        if (last + 1n < 1n << BigInt(width) && !isMapped(last + 1n)) expect(at(last + 1n)).toBe('outside');
      }),
    );
  });

  it('become few: sorted, none inside another, the same set, whatever their order', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.array(spelled, { maxLength: 8 }), (ranges, all) => {
        const cidrs = ranges.flatMap(({ text }) => parseCidr(text) ?? []);
        const minimal = minimalCidrs(cidrs).map(formatCidr);
        expect(minimalCidrs(cidrs.toReversed()).map(formatCidr)).toEqual(minimal);
        const written = createAddressSet(ranges.map(({ text }) => text));
        const kept = createAddressSet(minimal);
        for (const { text } of all) expect(kept.find(text)).toBe(written.find(text));
        for (const each of minimal) {
          const others = createAddressSet(minimal.filter((other) => other !== each));
          expect(others.find(each.replace(/\/.*/, ''))).toBe('outside');
        }
      }),
    );
  });

  it.each([
    ['10.1.2.3', '10.1.2.3/32', false],
    ['10.1.2.3/8', '10.0.0.0/8', true],
    ['0.0.0.0/0', '0.0.0.0/0', false],
    ['::/0', '::/0', false],
    ['2001:DB8::1/33', '2001:db8::/33', true],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8', false],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3/128', false],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4/128', false],
  ])('%s means %s', (text, canonical, hasHostBits) => {
    const cidr = parseCidr(text);
    expect(cidr === null ? null : formatCidr(cidr)).toBe(canonical);
    expect(cidr?.hasHostBits).toBe(hasHostBits);
  });

  it('all of IPv6 holds no IPv4 address, in whatever spelling', () => {
    const set = createAddressSet(['::/0']);
    expect([set.find('10.0.0.1'), set.find('::ffff:10.0.0.1'), set.find('::1')]).toEqual([
      'outside',
      'outside',
      'inside',
    ]);
  });

  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '::/129',
    '::ffff:0:0/95',
    '10.0.0.0/8 ',
    '10/8',
    'any',
  ])('%j is no range', (text) => {
    expect(parseCidr(text)).toBeNull();
    expect(() => createAddressSet([text])).toThrow('no range');
  });
});
