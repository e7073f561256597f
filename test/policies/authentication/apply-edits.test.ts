import { describe, expect, it } from 'vitest';
import { applyEdits } from '../../../src/policies/authentication/apply-edits.ts';
import type { HeaderEdit } from '../../../src/policies/authentication/method.ts';

function applied(headers: HeadersInit, ...edits: readonly HeaderEdit[]): readonly [boolean, object] {
  const changed = new Headers(headers);
  return [applyEdits(edits, changed), Object.fromEntries(changed)];
}

const strip = (cookie: string): HeaderEdit => ({ name: 'cookie', value: null, cookie, credential: true });

describe('applyEdits', () => {
  it.each<[string, HeadersInit, readonly HeaderEdit[], boolean, object]>([
    ['sets', {}, [{ name: 'x-a', value: '1' }], true, { 'x-a': '1' }],
    ['leaves alone what is right', { 'x-a': '1' }, [{ name: 'x-a', value: '1' }], false, { 'x-a': '1' }],
    ['adds', { 'x-a': '1' }, [{ name: 'x-a', value: '2', append: true }], true, { 'x-a': '1, 2' }],
    ['removes', { 'x-a': '1' }, [{ name: 'x-a', value: null }], true, {}],
    ['removes what is not there', {}, [{ name: 'x-a', value: null }], false, {}],
    [
      'takes a credential away unseen by routes',
      { 'x-a': '1' },
      [{ name: 'x-a', value: null, credential: true }],
      false,
      {},
    ],
    ['takes one cookie', { cookie: 'a=1; s=t;b=2' }, [strip('s')], false, { cookie: 'a=1; b=2' }],
    ['takes the only cookie', { cookie: 's=t' }, [strip('s')], false, {}],
    ['takes each way’s own cookie', { cookie: 's=1; t=2; u=3' }, [strip('s'), strip('t')], false, { cookie: 'u=3' }],
    ['takes every cookie of the name', { cookie: 's=1; a=1; s=2' }, [strip('s')], false, { cookie: 'a=1' }],
    ['takes no cookie of another name', { cookie: 'ss=1; a=s' }, [strip('s')], false, { cookie: 'ss=1; a=s' }],
  ])('%s', (_, headers, edits, isChanged, expected) =>
    expect(applied(headers, ...edits)).toEqual([isChanged, expected]),
  );
});
