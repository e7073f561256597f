/** Spellings of addresses, against those of the URL parser; test/policies/ip/cidr.test.ts has what is read as an address. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '../../src/model/ip-address.ts';

/** Zeros often, so that there are several runs of them. */
const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
const words6 = fc
  .array(fc.tuple(group, group), { minLength: 4, maxLength: 4 })
  .map((pairs) => Uint32Array.from(pairs, ([high, low]) => high * 65_536 + low));

it('IPv6 has the spelling that the URL parser gives it, and is read back', () => {
  fc.assert(
    fc.property(words6, (words) => {
      const long = Array.from(words, (word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(
        ':',
      );
      const text = formatIpv6(words);
      expect(`[${text}]`).toBe(new URL(`http://[${long}]/`).hostname);
      const read = new Uint32Array(4);
      expect(parseIpv6(text, read)).toBe(true);
      expect(read).toEqual(words);
    }),
  );
});

it('IPv4 has one spelling, which is read back', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (word) => {
      expect(formatIpv4(word)).toBe(new URL(`http://${word}/`).hostname);
      expect(parseIpv4(formatIpv4(word))).toBe(word);
    }),
  );
});

it('IPv4 in IPv6 stays there unless an address is asked for', () => {
  const words = new Uint32Array(4);
  expect(parseIpv6('::ffff:1.2.3.4', words)).toBe(true);
  expect(formatIpv6(words)).toBe('::ffff:102:304');
});
