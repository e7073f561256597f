import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../src/diagnostics/errors.ts';
import { canonicalizePath, checkRewritten } from '../../src/gateway/canonical-path.ts';
import type { PathSettings } from '../../src/model/route-model.ts';

const defaults: PathSettings = {
  dotSegments: 'reject',
  escapedSlashes: 'reject',
  pathParams: 'reject',
  mergeSlashes: false,
  rewriteDoubleSlash: 'keep',
};
const lenient: PathSettings = {
  ...defaults,
  dotSegments: 'normalize',
  escapedSlashes: 'keep',
  pathParams: 'strip-in-dot-segments',
};

/** The canonical path, or `status code`. */
function canonical(raw: string, settings: PathSettings = defaults): string {
  return outcome(() => canonicalizePath(raw, settings));
}
function outcome(run: () => string): string {
  try {
    return run();
  } catch (error) {
    if (error instanceof GatewayError) return `${error.status} ${error.code}`;
    throw error;
  }
}

describe('canonicalizePath, defaults', () => {
  it.each([
    ['/a/b', '/a/b'],
    ['//a//b', '//a//b'],
    ['//evil.test/a', '//evil.test/a'],
    ['/a/../admin', '400 dot-segments-rejected'],
    ['/a/..', '400 dot-segments-rejected'],
    ['/.', '400 dot-segments-rejected'],
    ['/a/%2e%2e/admin', '400 dot-segments-rejected'],
    ['/a/%2E./admin', '400 dot-segments-rejected'],
    ['/a/.%2e', '400 dot-segments-rejected'],
    ['/a/..%2fadmin', '400 escaped-slashes-rejected'],
    ['/a%2fb', '400 escaped-slashes-rejected'],
    ['/a%2Fb', '400 escaped-slashes-rejected'],
    ['/a%5cb', '400 escaped-slashes-rejected'],
    ['/a\\..\\admin', '400 dot-segments-rejected'],
    ['/a\\b', '400 dot-segments-rejected'],
    ['/a/..;x=y/admin', '400 path-params-rejected'],
    ['/a/..;/admin', '400 path-params-rejected'],
    ['/a/%2e%2e;x/admin', '400 path-params-rejected'],
    ['/a/..%3Bx/admin', '400 path-params-rejected'],
    ['/a/.;/b', '400 path-params-rejected'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/a%23b', '/a%23b'],
    ['/a%3fb', '/a%3Fb'],
    ['/a/%252e%252e/admin', '/a/%252e%252e/admin'],
    ['/a%252fb', '/a%252fb'],
    ['/a%00b', '400 path-invalid'],
    ['/a\0b', '400 path-invalid'],
    ['/a%0d%0ab', '400 path-invalid'],
    ['/a%7fb', '400 path-invalid'],
    ['/a b', '400 path-invalid'],
    ['/a\tb', '400 path-invalid'],
    ['/a\uFFFDb', '400 path-invalid'],
    ['/a\uD800b', '400 path-invalid'],
    ['/café', '/caf%C3%A9'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/😀', '/%F0%9F%98%80'],
    ['/a%zzb', '400 path-invalid'],
    ['/a%', '400 path-invalid'],
    ['/a%4', '400 path-invalid'],
    ['/%u0041', '400 path-invalid'],
    ['/%c0%af../admin', '400 path-invalid'],
    ['/%c3a', '400 path-invalid'],
    ['/%ed%a0%80', '400 path-invalid'],
    ['/%f4%90%80%80', '400 path-invalid'],
    ['/%ef%bc%8fadmin', '/%EF%BC%8Fadmin'],
    ['/%41%2d%7e', '/A-~'],
    ['/A', '/A'],
    ['/a.', '/a.'],
    ['/a/...', '/a/...'],
    ['/.well-known/acme-challenge/x', '/.well-known/acme-challenge/x'],
    ['/a"<>`{}^b', '/a%22%3C%3E%60%7B%7D%5Eb'],
    ['/[id]|x', '/[id]|x'],
    ['a', '400 target-invalid'],
  ])('%j → %s', (raw, expected) => expect(canonical(raw)).toBe(expected));
});

describe('canonicalizePath, switches', () => {
  it.each<[string, Partial<PathSettings>, string]>([
    ['/a/../b', { dotSegments: 'normalize' }, '/b'],
    ['/a/%2e%2E/b', { dotSegments: 'normalize' }, '/b'],
    ['/../../b', { dotSegments: 'normalize' }, '/b'],
    ['/a/..', { dotSegments: 'normalize' }, '/'],
    ['/a/b/.', { dotSegments: 'normalize' }, '/a/b/'],
    ['/a//../b', { dotSegments: 'normalize' }, '/a/b'],
    ['/a\\..\\b', { dotSegments: 'normalize' }, '/b'],
    ['/a/..;x/b', { dotSegments: 'normalize' }, '400 path-params-rejected'],
    ['/a/..;x/b', { dotSegments: 'normalize', pathParams: 'strip-in-dot-segments' }, '/b'],
    ['/a/..;x/b', { pathParams: 'strip-in-dot-segments' }, '400 dot-segments-rejected'],
    ['/a/..;x/b', { pathParams: 'keep' }, '/a/..;x/b'],
    ['/a%2fb%5c', { escapedSlashes: 'keep' }, '/a%2Fb%5C'],
    ['/a/..%2fb', { escapedSlashes: 'keep' }, '400 dot-segments-rejected'],
    ['/a/x%2f..', { escapedSlashes: 'keep', dotSegments: 'normalize' }, '400 dot-segments-rejected'],
    ['//a///b', { mergeSlashes: true }, '/a/b'],
    ['/a/..//b', { mergeSlashes: true, dotSegments: 'normalize' }, '/b'],
  ])('%j with %j → %s', (raw, change, expected) => expect(canonical(raw, { ...defaults, ...change })).toBe(expected));
});

const pieces = '/ / . .. %2e %2E ;x %3b %2f %5c \\ a B %41 % %25 2e %c3%a9 %c3 é %00 %7f { [ ~ %7e %zz 😀 /.. /.;';
const piece = fc.constantFrom(' ', ...pieces.split(' '));
const rawPath = fc.array(piece, { maxLength: 12 }).map((parts) => `/${parts.join('')}`);
const anySettings = fc.record<PathSettings>({
  dotSegments: fc.constantFrom('reject', 'normalize'),
  escapedSlashes: fc.constantFrom('reject', 'keep'),
  pathParams: fc.constantFrom('reject', 'strip-in-dot-segments', 'keep'),
  mergeSlashes: fc.boolean(),
  rewriteDoubleSlash: fc.constantFrom('keep', 'collapse'),
});

describe('canonicalizePath, properties', () => {
  it('is idempotent and never yields a dot segment, whatever a backend decodes', () => {
    fc.assert(
      fc.property(rawPath, anySettings, (raw, settings) => {
        const path = canonical(raw, settings);
        if (path.startsWith('400')) return;
        expect(canonical(path, settings)).toBe(path);
        expect(path).toMatch(/^\/[\x21-\x7e]*$/);
        const segments = path
          .replaceAll(/%2f|%5c/gi, '/')
          .replaceAll(/%2e/gi, '.')
          .split('/');
        expect(segments).not.toContain('.');
        expect(segments).not.toContain('..');
        expect(path).not.toContain('\\');
      }),
      { numRuns: 3000 },
    );
  });

  it('resolves to what the WHATWG parser makes of the same path', () => {
    const plainPiece = fc.constantFrom('/', '/', '.', '..', '%2e', 'a', 'bc', '-', '/../', '/./');
    fc.assert(
      fc.property(fc.array(plainPiece, { maxLength: 10 }), (parts) => {
        const raw = `/${parts.join('')}`;
        const expected = new URL(`http://h.test${raw}`).pathname.replaceAll(/%2e/gi, '.');
        expect(canonical(raw, lenient)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with a model that decodes bytes', () => {
    fc.assert(
      fc.property(rawPath, (raw) => {
        expect(canonical(raw).startsWith('400')).toBe(refusedByModel(raw));
      }),
      { numRuns: 3000 },
    );
  });
});

/** From the rules, over the fully decoded text: slower, and written without the code under test. */
function refusedByModel(raw: string): boolean {
  if (/%(?![0-9a-f]{2})/i.test(raw) || /%2f|%5c|\\/i.test(raw)) return true;
  let decoded: string;
  try {
    decoded = decodeURIComponent(raw);
  } catch {
    return true;
  }
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(decoded) || raw.includes(' ')) return true;
  return decoded.split('/').some((segment) => /^\.\.?(?:;.*)?$/u.test(segment));
}

describe('checkRewritten', () => {
  it.each<[string, Partial<PathSettings>, string]>([
    ['/x', {}, '/x'],
    ['//bar', {}, '//bar'],
    ['//bar', { rewriteDoubleSlash: 'collapse' }, '/bar'],
    // `/api../admin` with the prefix `/api` replaced by `/`.
    ['/../admin', {}, '400 rewrite-unsafe'],
    ['/..', {}, '400 rewrite-unsafe'],
    ['/a/./b', {}, '400 rewrite-unsafe'],
    ['/..;x/admin', {}, '400 rewrite-unsafe'],
    ['/..;x/admin', { pathParams: 'keep' }, '/..;x/admin'],
    ['/%2e%2e/a', {}, '400 rewrite-unsafe'],
    ['/a%2F../b', { escapedSlashes: 'keep' }, '400 rewrite-unsafe'],
    ['/a%2Fb', { escapedSlashes: 'keep' }, '/a%2Fb'],
    ['/a%2', {}, '400 rewrite-unsafe'],
    ['/a\rb', {}, '400 rewrite-unsafe'],
    ['/a#b', {}, '400 rewrite-unsafe'],
    ['evil.test/a', {}, '400 rewrite-unsafe'],
    ['', {}, '400 rewrite-unsafe'],
    ['@evil.test/', {}, '400 rewrite-unsafe'],
    ['/a b', {}, '/a%20b'],
    ['/.well-known/x', {}, '/.well-known/x'],
  ])('%j with %j → %s', (rewritten, change, expected) =>
    expect(outcome(() => checkRewritten(rewritten, { ...defaults, ...change }))).toBe(expected),
  );

  it('passes every canonical path unchanged', () => {
    fc.assert(
      fc.property(rawPath, anySettings, (raw, settings) => {
        const path = canonical(raw, settings);
        if (path.startsWith('400') || settings.rewriteDoubleSlash === 'collapse') return;
        expect(outcome(() => checkRewritten(path, settings))).toBe(path);
      }),
    );
  });
});
