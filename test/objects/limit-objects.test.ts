import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counterKey } from '../../src/limits/calls.ts';
import { DEFAULT_OBJECTS, objectCount, objectName } from '../../src/objects/limit-objects.ts';

describe('objectName', () => {
  it('keeps all counters of one subject together', () => {
    fc.assert(
      fc.property(fc.string(), fc.webSegment(), fc.webSegment(), fc.integer({ min: 1, max: 4_096 }), (...drawn) => {
        const [subject, one, other, count] = drawn;
        expect(objectName(counterKey(one, subject), count)).toBe(objectName(counterKey(other, subject), count));
      }),
    );
  });

  it('never names an object of another count', () => {
    expect(objectName('l|a', 1)).toBe('limits-1-0');
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 4_096 }), (subject, count) => {
        const [, named, at] = /^limits-(\d+)-(\d+)$/.exec(objectName(counterKey('l', subject), count)) ?? [];
        expect(Number(named)).toBe(count);
        expect(Number(at)).toBeLessThan(count);
      }),
    );
  });

  it.each([
    ['addresses', (at: number) => `a:10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`],
    ['numbers', (at: number) => `c:${at}`],
    ['names of one length', (at: number) => `k:user-${String(at).padStart(8, '0')}`],
  ])('spreads %s evenly', (_, subjectOf) => {
    const keys = 20_000;
    const found = new Map<string, number>();
    for (let at = 0; at < keys; at += 1) {
      const name = objectName(counterKey('l', subjectOf(at)), DEFAULT_OBJECTS);
      found.set(name, (found.get(name) ?? 0) + 1);
    }
    expect(found.size).toBe(DEFAULT_OBJECTS);
    const fair = keys / DEFAULT_OBJECTS;
    for (const count of found.values()) {
      expect(count).toBeGreaterThan(0.8 * fair);
      expect(count).toBeLessThan(1.2 * fair);
    }
  });

  it('stays what it is: stored counters lie under these names', () => {
    expect(objectName('shop/api:api:0|a:10.0.0.1', 16)).toMatchInlineSnapshot(`"limits-16-5"`);
    expect(objectName('shop/api:api:0|c:alice', 16)).toMatchInlineSnapshot(`"limits-16-8"`);
  });
});

describe('objectCount', () => {
  it('takes whole numbers up to 4,096', () => {
    expect(objectCount(undefined)).toBe(DEFAULT_OBJECTS);
    expect(objectCount('')).toBe(DEFAULT_OBJECTS);
    expect([objectCount('1'), objectCount('64'), objectCount('4096')]).toEqual([1, 64, 4_096]);
  });

  it.each(['0', '4097', '-1', '1.5', '1e2', ' 4', 'four', '00001'])('throws at "%s" and says what it takes', (text) => {
    expect(() => objectCount(text)).toThrow(`RATE_LIMIT_OBJECTS is "${text}"; it takes a whole number from 1 to 4096.`);
  });
});
