import { afterEach, describe, expect, it, vi } from 'vitest';
import { lowered } from '../../lowering.ts';
import { factsOf, runChain, runtimeOf } from '../../chain.ts';
import { ExternalStand, SERVICE, type Outcome } from './fixture.ts';

afterEach(() => {
  vi.useRealTimers();
});

function answerOf(outcome: Outcome): Response {
  if (outcome.kind !== 'deny') throw new Error(`not denied: ${outcome.kind}`);
  return outcome.answer;
}

async function denied(response: Response, request: { readonly method?: string } = {}, options: object = {}) {
  const stand = new ExternalStand({ ...options }, () => response);
  const outcome = await stand.check(request);
  return { stand, outcome, answer: answerOf(outcome) };
}

describe('the client gets', () => {
  it('status, body and the listed headers, and no others', async () => {
    const headers = new Headers({
      'content-type': 'text/html; charset=utf-8',
      'content-length': '999',
      'content-encoding': 'gzip',
      'transfer-encoding': 'chunked',
      connection: 'close',
      'keep-alive': 'timeout=5',
      'www-authenticate': 'Basic realm="a"',
      'proxy-authenticate': 'Basic realm="p"',
      server: 'auth/1.0',
      'x-internal': 'secret',
      'x-why': 'because',
      'x-envoy-auth-headers-to-remove': 'x',
    });
    const { answer, outcome } = await denied(
      new Response('<p>no</p>', { status: 401, headers }),
      {},
      {
        allowedAuthorizationHeaders: ['X-Why'],
      },
    );
    expect(Object.fromEntries(answer.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'text/html; charset=utf-8',
      'proxy-authenticate': 'Basic realm="p"',
      'www-authenticate': 'Basic realm="a"',
      'x-why': 'because',
    });
    expect([answer.status, await answer.text()]).toEqual([401, '<p>no</p>']);
    expect(outcome).toMatchObject({ challenge: 'Basic realm="a"' });
  });

  it('cookies apart', async () => {
    const headers = new Headers({ location: 'https://id.example.com/login?next=%2F' });
    headers.append('set-cookie', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
    headers.append('set-cookie', 'b=2');
    const { answer } = await denied(new Response(null, { status: 302, headers }));
    expect(answer.headers.getSetCookie()).toEqual(['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2']);
    expect(answer.headers.get('location')).toBe('https://id.example.com/login?next=%2F');
  });

  it.each([301, 302, 303, 307, 308])('a redirect (%i) that nobody followed', async (status) => {
    const { stand, answer } = await denied(new Response(null, { status, headers: { location: '/backend/hello' } }));
    expect([answer.status, answer.headers.get('location'), stand.asked.length]).toEqual([status, '/backend/hello', 1]);
  });

  it.each([204, 205, 304])('no body with %i', async (status) => {
    const { answer } = await denied(new Response(null, { status }));
    expect([answer.status, answer.body]).toEqual([status, null]);
  });

  it('no body of a HEAD request, and the service’s is let go', async () => {
    let isCancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        isCancelled = true;
      },
    });
    const { stand, answer } = await denied(new Response(body, { status: 403 }), { method: 'HEAD' });
    await Promise.all(stand.waited);
    expect([answer.status, answer.body, isCancelled]).toEqual([403, null, true]);
  });

  it('the service’s own caching rule where that is listed', async () => {
    const response = new Response(null, { status: 403, headers: { 'cache-control': 'max-age=5' } });
    const { answer } = await denied(response, {}, { allowedAuthorizationHeaders: ['cache-control'] });
    expect(answer.headers.get('cache-control')).toBe('max-age=5');
  });
});

function streamed(chunks: number, size = 65_536): { response: Response; cancelled: () => unknown } {
  let left = chunks;
  let cancelled: unknown;
  const stream = new ReadableStream({
    pull: (controller) => {
      left -= 1;
      if (left < 0) controller.close();
      else controller.enqueue(new Uint8Array(size).fill(97));
    },
    cancel: (reason) => {
      cancelled = String(reason);
    },
  });
  return { response: new Response(stream, { status: 403 }), cancelled: () => cancelled };
}

function stall(): Response {
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(3)) });
  return new Response(body, { status: 403 });
}

describe('the body', () => {
  it('passes up to one MiB', async () => {
    const { stand, answer } = await denied(streamed(16).response);
    expect((await answer.arrayBuffer()).byteLength).toBe(1_048_576);
    await Promise.all(stand.waited);
  });

  it('is cut above that, not ended', async () => {
    const { response, cancelled } = streamed(1_000);
    const { stand, answer } = await denied(response);
    await expect(answer.arrayBuffer()).rejects.toThrow('too long');
    expect(cancelled()).toMatch('too long');
    await Promise.all(stand.waited);
  });

  it('is cut when it stalls, read or not', async () => {
    vi.useFakeTimers();
    const read = await denied(stall());
    const failed = expect(read.answer.arrayBuffer()).rejects.toThrow('in time');
    const unread = await denied(stall());
    await vi.advanceTimersByTimeAsync(5_000);
    await failed;
    await Promise.all([...read.stand.waited, ...unread.stand.waited]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is let go when the client goes away', async () => {
    vi.useFakeTimers();
    const { response, cancelled } = streamed(1_000);
    const { stand, answer } = await denied(response);
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.cancel('gone');
    await Promise.all(stand.waited);
    expect(cancelled()).toBe('gone');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that breaks off is broken for the client', async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) });
    const { stand, answer } = await denied(new Response(body, { status: 403 }));
    await expect(answer.arrayBuffer()).rejects.toThrow('reset');
    await Promise.all(stand.waited);
  });
});

it('is not forgiven by `optional`: the service has spoken', async () => {
  const config = lowered('auth', {
    require: 'any',
    optional: true,
    methods: [{ method: 'external', options: { service: SERVICE } }],
  });
  const answer = await runChain(
    {
      policies: [{ name: 'auth', config }],
      runtime: runtimeOf({ ask: async () => new Response('no', { status: 401 }) }),
    },
    factsOf(),
  );
  expect([answer.status, await answer.text()]).toEqual([401, 'no']);
});
