import { describe, expect, it } from 'vitest';
import { OutgoingHeaderLog } from '../../src/policies/outgoing-headers.ts';

describe('outgoing headers', () => {
  it('replays calls in order over what is there', () => {
    const outgoing = new OutgoingHeaderLog();
    const headers = new Headers({ 'x-a': '1', 'x-b': '1', 'x-c': '1' });
    outgoing.set('X-A', '2');
    outgoing.delete('x-b');
    outgoing.append('x-c', '2');
    outgoing.append('x-d', '1');
    outgoing.applyTo(headers);
    expect([...headers]).toEqual([
      ['x-a', '2'],
      ['x-c', '1, 2'],
      ['x-d', '1'],
    ]);
  });

  it('adds a member once, whatever its case, and fills an empty header', () => {
    const outgoing = new OutgoingHeaderLog();
    const headers = new Headers({ vary: '', 'x-list': 'One ,two' });
    for (const name of ['Origin', 'ORIGIN']) outgoing.append('vary', name);
    for (const name of ['one', 'TWO', 'tw']) outgoing.append('x-list', name);
    outgoing.applyTo(headers);
    expect(headers.get('vary')).toBe('Origin');
    expect(headers.get('x-list')).toBe('One ,two, tw');
  });

  it('never joins cookies', () => {
    const outgoing = new OutgoingHeaderLog();
    const headers = new Headers([['set-cookie', 'a=1']]);
    outgoing.append('Set-Cookie', 'b=2');
    outgoing.applyTo(headers);
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  });

  it('exposes only to an origin that a policy let in', () => {
    const outgoing = new OutgoingHeaderLog();
    outgoing.expose('Retry-After');
    const theirs = new Headers({ 'access-control-allow-origin': '*' });
    expect(outgoing.isEmpty).toBe(true);
    outgoing.applyTo(theirs);
    expect(theirs.has('access-control-expose-headers')).toBe(false);
    outgoing.set('access-control-allow-origin', 'https://a.example');
    outgoing.applyTo(theirs);
    expect(theirs.get('access-control-expose-headers')).toBe('Retry-After');
    outgoing.delete('access-control-allow-origin');
    const none = new Headers();
    outgoing.applyTo(none);
    expect([...none]).toEqual([]);
  });
});
