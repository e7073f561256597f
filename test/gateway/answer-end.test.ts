/** When an answer is over: what holds a place for a request gives it back then, and exactly once. */
import { describe, expect, it } from 'vitest';
import { endAfter } from '../../src/gateway/answer-end.ts';
import type { CompiledRoute } from '../../src/program/route-program.ts';
import { createMemoryLimiter } from '../policies/memory-limiter.ts';
import { aLimit, toJson } from '../policies/rate-limit/limits.ts';
import { aRoute, gatewayFixture, type FixtureOptions } from './gateway-fixture.ts';

const config = toJson({ limits: [aLimit('places', { algorithm: 'concurrency', rate: 1 })] });
const policies = [
  { name: 'rate-limit', source: { kind: 'Mapping', namespace: 'default', name: 'm' }, config },
] satisfies CompiledRoute['policies'];

function serve(answer?: FixtureOptions['answer'], changes: Partial<CompiledRoute> = {}) {
  const limiter = createMemoryLimiter();
  const routes = [aRoute('/', { policies, ...changes })];
  const gateway = gatewayFixture({ routes, limiter, ...(answer !== undefined && { answer }) });
  return {
    gateway,
    send: (init?: RequestInit) => gateway.send('http://h.test/', init),
    /** How often the place was taken and given back. */
    counts: () => limiter.calls.map(({ kind }) => kind).join(' '),
  };
}

/** A body whose chunks the test hands out. */
function streamed(init: ResponseInit = {}) {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  return { response: new Response(readable, init), writer };
}

/** Promises that are due have run. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a body', () => {
  it('is over with its last byte, whatever the upstream calls its encoding and length', async () => {
    const { response, writer } = streamed({ headers: { 'content-length': '6', 'content-encoding': 'x-own' } });
    const answers = [response, new Response('next')].values();
    const { send, counts } = serve(() => answers.next().value ?? new Response('none'));
    const answer = await send();
    expect(answer.headers.get('content-length')).toBe('6');
    expect(answer.headers.get('content-encoding')).toBe('x-own');
    const reader = answer.body?.getReader();
    writer.write(bytes('abc')).catch(() => undefined);
    expect(await reader?.read()).toMatchObject({ done: false, value: bytes('abc') });
    await settled();
    expect(counts()).toBe('take');
    expect((await send()).status).toBe(429);
    writer.write(bytes('def')).catch(() => undefined);
    writer.close().catch(() => undefined);
    expect(await reader?.read()).toMatchObject({ value: bytes('def') });
    expect(await reader?.read()).toMatchObject({ done: true });
    await settled();
    expect(counts()).toBe('take take free');
    expect((await send()).status).toBe(200);
  });

  it('is over when the client does not want the rest', async () => {
    const { response, writer } = streamed();
    const { send, counts } = serve(() => response);
    const answer = await send();
    writer.write(bytes('abc')).catch(() => undefined);
    await answer.body?.cancel('enough');
    await settled();
    expect(counts()).toBe('take free');
    await expect(writer.write(bytes('def'))).rejects.toThrow();
  });

  it('is over when the client goes away, even where nobody reads', async () => {
    const client = new AbortController();
    const { response, writer } = streamed();
    let freed = 0;
    const answer = endAfter(response, {
      ends: [() => (freed += 1)],
      client: client.signal,
      waitUntil: () => undefined,
      isHead: false,
      dropUpstream: null,
    });
    writer.write(bytes('abc')).catch(() => undefined);
    await settled();
    expect(freed).toBe(0);
    client.abort();
    await settled();
    expect(freed).toBe(1);
    await expect(answer.text()).rejects.toThrow();
  });

  it('is over when the client goes away before the upstream said anything, whose work ends too', async () => {
    const client = new AbortController();
    const { gateway, send, counts } = serve(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    );
    const answer = send({ signal: client.signal });
    await settled();
    expect(counts()).toBe('take');
    client.abort();
    await settled();
    expect(gateway.upstream[0]?.signal.aborted).toBe(true);
    expect(counts()).toBe('take free');
    expect(await (await answer).json()).toMatchObject({ status: 400, code: 'client-gone' });
    expect(gateway.logged).toEqual([]);
  });

  it('is over when the upstream breaks, and the client sees it broken', async () => {
    const { response, writer } = streamed();
    const { send, counts } = serve(() => response);
    const answer = await send();
    const text = answer.text();
    writer.write(bytes('abc')).catch(() => undefined);
    await settled();
    writer.abort(new Error('reset')).catch(() => undefined);
    await expect(text).rejects.toThrow();
    await settled();
    expect(counts()).toBe('take free');
  });

  it('keeps the script of the request alive until then', async () => {
    const { response, writer } = streamed();
    const waited: Promise<unknown>[] = [];
    let isOver = false;
    const answer = endAfter(response, {
      ends: [() => (isOver = true)],
      client: new AbortController().signal,
      waitUntil: (work) => void waited.push(work),
      isHead: false,
      dropUpstream: null,
    });
    const text = answer.text();
    writer.close().catch(() => undefined);
    expect(await text).toBe('');
    await Promise.all(waited);
    expect(isOver).toBe(true);
  });
});

describe('over at once', () => {
  it.each([204, 304])('with the status %i', async (status) => {
    const { send, counts } = serve(() => new Response(null, { status }));
    expect((await send()).status).toBe(status);
    expect(counts()).toBe('take free');
  });

  it('to HEAD', async () => {
    const { send, counts } = serve(() => new Response(null, { headers: { 'content-length': '1000' } }));
    expect((await send({ method: 'HEAD' })).headers.get('content-length')).toBe('1000');
    expect(counts()).toBe('take free');
  });

  it('when the gateway answers itself', async () => {
    const own = serve(undefined, { action: { kind: 'respond', status: 200, body: 'ours' } });
    expect(await (await own.send()).text()).toBe('ours');
    expect(own.counts()).toBe('take free');
    const broken = serve(() => Promise.reject(new Error('refused')));
    expect((await broken.send()).status).toBe(503);
    expect(broken.counts()).toBe('take free');
  });
});

it('an answer that nobody waits for is not touched', async () => {
  const response = new Response('plain');
  const { send } = serve(() => response, { policies: [] });
  expect((await send()).body).toBe(response.body);
});

it('one who throws keeps no other from being told', async () => {
  let told = 0;
  endAfter(new Response(null), {
    ends: [
      () => {
        throw new Error('bug');
      },
      () => (told += 1),
    ],
    client: new AbortController().signal,
    waitUntil: () => undefined,
    isHead: false,
    dropUpstream: null,
  });
  expect(told).toBe(1);
});
