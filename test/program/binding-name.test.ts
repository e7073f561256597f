import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bindingName } from '../../src/program/binding-name.ts';
import { stableHash } from '../../src/program/stable-hash.ts';

describe('bindingName', () => {
  it('is readable and safe', () => {
    expect(bindingName('http/backend-service.default:8080')).toMatch(
      /^UP_HTTP_BACKEND_SERVICE_DEFAULT_8080_[0-9A-F]{16}$/,
    );
  });

  it('keeps ids apart that look alike once squashed', () => {
    expect(bindingName('http/a-b.c:80')).not.toBe(bindingName('http/a.b-c:80'));
  });

  it('is an identifier of at most 64 characters for any id', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (id) => {
        expect(bindingName(id)).toMatch(/^[A-Z0-9_]{1,64}$/);
      }),
    );
  });
});

describe('stableHash', () => {
  it('does not change between releases, because stored programs name tables by it', () => {
    expect(stableHash('')).toMatchInlineSnapshot(`"f35965d0a89302ab"`);
    expect(stableHash('portolan')).toMatchInlineSnapshot(`"35dee24a5359edd5"`);
  });

  it('spreads similar texts', () => {
    const hashes = new Set<string>();
    for (let index = 0; index < 100_000; index += 1) hashes.add(stableHash(`["default","a${index}.example.com"]`));
    expect(hashes.size).toBe(100_000);
  });
});
