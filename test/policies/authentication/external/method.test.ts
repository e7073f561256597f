import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GatewayError } from '../../../../src/diagnostics/errors.ts';
import { createRequestBody } from '../../../../src/gateway/request-body.ts';
import { applyEdits } from '../../../../src/policies/authentication/apply-edits.ts';
import { bodyOf, ExternalStand, type Asked } from './fixture.ts';

afterEach(() => {
  vi.useRealTimers();
});

const ok =
  (headers: HeadersInit = {}): (() => Response) =>
  () =>
    new Response(null, { headers });

describe('the question', () => {
  it('has the method, the path behind the prefix, the query and the Host of the request', async () => {
    const stand = new ExternalStand({ pathPrefix: '/verify' }, ok());
    await stand.check({ method: 'DELETE', path: '/a%20b/c', query: 'x=1&y=%2F', authority: 'api.example.com:8443' });
    expect(stand.last.path).toBe('/verify/a%20b/c?x=1&y=%2F');
    expect(stand.last.init.method).toBe('DELETE');
    expect(stand.last.target.origin).toBe('http://api.example.com:8443');
    expect(stand.last.init.body).toBeNull();
  });

  it('keeps an empty query, and the path of a URL as prefix', async () => {
    const stand = new ExternalStand({ service: 'http://127.0.0.1:3000/check/' }, ok());
    await stand.check({ path: '/', query: '' });
    expect(stand.last.path).toBe('/check/?');
  });

  it('may have the Host of the service', async () => {
    const stand = new ExternalStand({ host: 'service' }, ok());
    await stand.check();
    expect(stand.last.target.origin).toBe('http://127.0.0.1:3000');
  });

  it('has the headers that are listed and the fixed ones, and no others', async () => {
    const stand = new ExternalStand(
      {
        allowedRequestHeaders: ['X-Tenant', 'X-Absent'],
        addRequestHeaders: { 'X-From': 'gateway', 'User-Agent': 'fixed' },
        linkerdHeader: true,
      },
      ok(),
    );
    await stand.check({
      headers: {
        authorization: 'Bearer t',
        cookie: 'a=b',
        from: 'me@example.com',
        'user-agent': 'curl',
        'x-forwarded-for': '203.0.113.7',
        'x-forwarded-host': 'api.example.com',
        'x-forwarded-proto': 'https',
        'x-request-id': 'req-1',
        'x-tenant': 'blue',
        'x-other': 'no',
        'content-length': '5',
        'content-type': 'text/plain',
        'accept-encoding': 'gzip',
      },
    });
    expect(stand.headers).toEqual({
      authorization: 'Bearer t',
      cookie: 'a=b',
      from: 'me@example.com',
      'l5d-dst-override': '127.0.0.1:3000',
      'user-agent': 'fixed',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-host': 'api.example.com',
      'x-forwarded-proto': 'https',
      'x-from': 'gateway',
      'x-request-id': 'req-1',
      'x-tenant': 'blue',
    });
  });

  it('never has a header that is not listed, whatever the client sends', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/), fc.stringMatching(/^[!-~]{1,8}$/))),
        async (headers) => {
          const stand = new ExternalStand({ allowedRequestHeaders: ['x-tenant'] }, ok());
          await stand.check({ headers: [...headers, ['te', 'trailers'], ['connection', 'x-tenant']] });
          const allowed =
            /^(?:authorization|cookie|from|proxy-authorization|user-agent|x-(?:forwarded-(?:for|host|proto)|request-id|tenant))$/;
          expect(Object.keys(stand.headers).filter((name) => !allowed.test(name))).toEqual([]);
        },
      ),
    ));
});

async function sent(stand: ExternalStand): Promise<string> {
  return new Response(stand.last.init.body ?? null).text();
}

describe('the body', () => {
  const whole = { includeBody: { maxBytes: 10, allowPartial: false } };
  const partial = { includeBody: { maxBytes: 10, allowPartial: true } };

  it.each(['', 'a', '0123456789'])('%j travels whole', async (text) => {
    for (const options of [whole, partial]) {
      const stand = new ExternalStand(options, ok());
      expect(await stand.check({ method: 'POST' }, bodyOf(text))).toMatchObject({ kind: 'allow' });
      expect(await sent(stand)).toBe(text);
      expect(stand.headers['x-envoy-auth-partial-body']).toBe('false');
    }
  });

  it('travels in part, and the service is told', async () => {
    const stand = new ExternalStand(partial, ok());
    await stand.check({ method: 'POST', headers: { 'content-length': '13' } }, bodyOf('01234', '56789abc'));
    expect(await sent(stand)).toBe('0123456789');
    expect(stand.headers['x-envoy-auth-partial-body']).toBe('true');
  });

  it('is refused when it is longer than may be shown, announced or not', async () => {
    const stand = new ExternalStand(whole, ok());
    const refused = { kind: 'error', status: 413, code: 'auth-body-too-large' };
    expect(await stand.check({ method: 'POST' }, bodyOf('01234', '56789a'))).toEqual(refused);
    const untouched = { peek: () => Promise.reject(new Error('read')) };
    const announced = { method: 'PUT', headers: { 'content-length': '11' } };
    expect(await stand.check(announced, untouched)).toEqual(refused);
    expect(stand.asked).toEqual([]);
  });

  it.each(['GET', 'HEAD'])('of %s is never taken for checked', async (method) => {
    const request = { method, headers: { 'content-length': '4' } };
    const refused = { kind: 'error', status: 400, code: 'auth-body-unsendable' };
    expect(await new ExternalStand(whole, ok()).check(request)).toEqual(refused);
    const open = new ExternalStand({ ...whole, failureModeAllow: true }, ok());
    expect(await open.check(request)).toEqual(refused);
    const stand = new ExternalStand(partial, ok());
    expect(await stand.check(request)).toMatchObject({ kind: 'allow' });
    expect(stand.headers['x-envoy-auth-partial-body']).toBe('true');
    const bare = new ExternalStand(whole, ok());
    expect(await bare.check({ method })).toMatchObject({ kind: 'allow' });
  });

  it('that breaks off is the client’s failure, even where the service may fail', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('connection lost')),
    });
    const raw = new Request('http://gateway.test/', { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
    const stand = new ExternalStand({ ...whole, failureModeAllow: true }, ok());
    const outcome = await stand.check({ method: 'POST' }, createRequestBody(raw));
    expect(outcome).toEqual({ kind: 'error', status: 400, code: 'request-body-broken' });
    expect(stand.asked).toEqual([]);
  });

  it('that never comes is given up', async () => {
    vi.useFakeTimers();
    const stand = new ExternalStand({ ...whole, failureModeAllow: true }, ok());
    const outcome = stand.check({ method: 'POST' }, { peek: () => new Promise(() => undefined) });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await outcome).toEqual({ kind: 'error', status: 408, code: 'auth-body-timeout' });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('200', () => {
  it('copies what is listed over what the client sent, and takes away what the service names', async () => {
    const answer = ok({
      'x-auth-user': 'ann',
      'x-auth-other': 'no',
      authorization: 'Bearer inner',
      'content-type': 'text/plain',
      'x-envoy-auth-headers-to-remove': 'Cookie, x-secret, host, content-length, transfer-encoding, :path, , bad name',
    });
    const stand = new ExternalStand({ allowedAuthorizationHeaders: ['X-Auth-User', 'x-auth-missing'] }, answer);
    const outcome = await stand.check();
    expect(outcome).toEqual({
      kind: 'allow',
      consumer: null,
      edits: [
        { name: 'authorization', value: 'Bearer inner' },
        { name: 'x-auth-user', value: 'ann' },
        { name: 'cookie', value: null },
        { name: 'x-secret', value: null },
      ],
    });
    const headers = new Headers({ authorization: 'Bearer outer', cookie: 'a=b', 'x-auth-user': 'eve' });
    if (outcome.kind === 'allow') applyEdits(outcome.edits, headers);
    expect(Object.fromEntries(headers)).toEqual({ authorization: 'Bearer inner', 'x-auth-user': 'ann' });
  });

  it('names the consumer where a header is given for that', async () => {
    const options = { consumerFromHeader: 'X-User' };
    expect(await new ExternalStand(options, ok({ 'x-user': 'ann' })).verdict()).toEqual({
      kind: 'allow',
      consumer: { id: 'ann', kind: 'external', issuer: null, plan: null, scopes: [], claims: {} },
      edits: [],
    });
    expect(await new ExternalStand(options, ok()).check()).toMatchObject({ kind: 'allow', consumer: null });
    expect(await new ExternalStand({}, ok({ 'x-user': 'ann' })).check()).toMatchObject({ consumer: null });
  });

  it('lets go of its body: cancelled when long, read to its end when short', async () => {
    let cancelled = 0;
    const endless = (length?: string) => () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
          cancel: () => {
            cancelled += 1;
          },
        }),
        { headers: length === undefined ? {} : { 'content-length': length } },
      );
    for (const length of ['1048576', undefined, 'nonsense', '-1x']) {
      const stand = new ExternalStand({}, endless(length));
      expect(await stand.check()).toMatchObject({ kind: 'allow' });
      await Promise.all(stand.waited);
    }
    expect(cancelled).toBe(4);
    // One that says it is short and goes on is cancelled all the same.
    const liar = new ExternalStand({}, endless('4'));
    await liar.check();
    await Promise.all(liar.waited);
    expect(cancelled).toBe(5);
    let reads = 0;
    const short = new ReadableStream(
      {
        pull: (controller) => {
          reads += 1;
          if (reads === 3) controller.close();
          else controller.enqueue(new Uint8Array(2));
        },
        cancel: () => {
          cancelled += 1;
        },
      },
      { highWaterMark: 0 },
    );
    const stand = new ExternalStand({}, () => new Response(short, { headers: { 'content-length': '4' } }));
    await stand.check();
    await Promise.all(stand.waited);
    expect([reads, cancelled]).toEqual([3, 5]);
  });

  it('keeps cookies apart on their way up, too', async () => {
    const headers = new Headers();
    headers.append('set-cookie', 'a=1, x');
    headers.append('set-cookie', 'b=2');
    expect(await new ExternalStand({}, ok(headers)).check()).toMatchObject({
      edits: [
        { name: 'set-cookie', value: 'a=1, x' },
        { name: 'set-cookie', value: 'b=2', append: true },
      ],
    });
  });
});

const silent = ({ init }: Asked): Promise<Response> =>
  new Promise((_resolve, reject) => {
    init.signal?.addEventListener('abort', () => reject(new Error('aborted')));
  });

describe('an outage', () => {
  const outages: readonly [string, (asked: Asked) => Response | Promise<Response>][] = [
    ['500', () => new Response('secret', { status: 500 })],
    ['503', () => new Response(null, { status: 503, headers: { 'x-auth-user': 'eve' } })],
    ['599', () => new Response(null, { status: 599 })],
    ['a lost connection', () => Promise.reject(new Error('Network connection lost.'))],
  ];

  it.each(outages)('%s refuses, or lets pass where that is written', async (_name, answer) => {
    const options = { allowedAuthorizationHeaders: ['x-auth-user'] };
    expect(await new ExternalStand(options, answer).check()).toEqual({
      kind: 'error',
      status: 403,
      code: 'external-auth-unavailable',
    });
    expect(await new ExternalStand({ ...options, statusOnError: 503 }, answer).check()).toMatchObject({ status: 503 });
    const open = new ExternalStand({ ...options, failureModeAllow: true }, answer);
    expect(await open.check()).toEqual({ kind: 'allow', consumer: null, edits: [] });
  });

  it('is silence for longer than the time given', async () => {
    vi.useFakeTimers();
    const stand = new ExternalStand({ timeoutMs: 700 }, silent);
    const outcome = stand.check();
    await vi.advanceTimersByTimeAsync(699);
    expect(stand.last.init.signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toMatchObject({ kind: 'error', code: 'external-auth-unavailable' });
    expect(stand.logged).toMatchObject([{ reason: 'no answer within 700 ms' }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is none when a kept connection was lost and a new one serves', async () => {
    const lost = Object.assign(new Error('Network connection lost.'), { retryable: true });
    const answers = [Promise.reject(lost), Promise.resolve(new Response(null))];
    for (const each of answers) each.catch(() => undefined);
    const rest = answers.values();
    const stand = new ExternalStand({}, () => rest.next().value ?? Promise.reject(lost));
    expect(await stand.check()).toMatchObject({ kind: 'allow' });
    expect(stand.asked).toHaveLength(2);
    expect(await stand.check()).toMatchObject({ kind: 'error' });
    expect(stand.asked).toHaveLength(4);
  });

  it('is not what an error of the gateway’s own is', async () => {
    const stand = new ExternalStand({ failureModeAllow: true }, () =>
      Promise.reject(new GatewayError(503, 'not-asked', 'Nobody is asked.')),
    );
    expect(await stand.check()).toEqual({ kind: 'error', status: 503, code: 'not-asked' });
  });

  it('is logged once in ten seconds per service, without the query', async () => {
    const stand = new ExternalStand({ failureModeAllow: true }, () =>
      Promise.reject(new TypeError('fetch failed: http://a/x?token=abc&y')),
    );
    for (let count = 0; count < 5; count += 1) await stand.check();
    const line = {
      event: 'external-auth-unavailable',
      upstream: 'http/127.0.0.1:3000',
      requestId: 'req-1',
      route: 'Mapping/default/m',
      reason: 'TypeError: fetch failed: http://a/x?…',
      failOpen: true,
    };
    expect(stand.logged).toEqual([{ ...line, suppressed: 0 }]);
    stand.nowMs += 10_000;
    await stand.check();
    expect(stand.logged.at(-1)).toEqual({ ...line, suppressed: 4 });
  });
});

/** As a runtime may hand it over; none can be made with the platform's own constructor. */
const withStatus = (status: number) => (): Response =>
  Object.create(new Response('x'), {
    status: { value: status },
    headers: { value: new Headers({ 'x-auth-user': 'eve' }) },
    body: { value: null },
  }) as Response;

describe('an answer that nobody can use', () => {
  it.each([0, 100, 101, 199, 600, 999])('status %i never lets a request pass', async (status) => {
    const stand = new ExternalStand({ failureModeAllow: true, statusOnError: 503 }, withStatus(status));
    expect(await stand.check()).toEqual({ kind: 'error', status: 503, code: 'external-auth-unavailable' });
    expect(stand.logged).toMatchObject([{ reason: `an answer with status ${status}` }]);
  });

  it.each([
    ['a control character', 'ann\u0001'],
    ['a delete', 'ann\u007f'],
    ['more than a request can carry', 'a'.repeat(40_000)],
  ])('a header with %s never lets a request pass', async (_name, value) => {
    const options = {
      failureModeAllow: true,
      allowedAuthorizationHeaders: ['x-auth-user'],
      consumerFromHeader: 'x-id',
    };
    const refused = { kind: 'error', status: 403, code: 'external-auth-unavailable' };
    expect(await new ExternalStand(options, ok({ 'x-auth-user': value })).check()).toEqual(refused);
    expect(await new ExternalStand(options, ok({ 'x-id': value })).check()).toEqual(refused);
    expect(await new ExternalStand(options, ok({ 'x-unlisted': value })).check()).toMatchObject({ kind: 'allow' });
    const denied = () => new Response(null, { status: 401, headers: { 'x-auth-user': value } });
    expect(await new ExternalStand(options, denied).check()).toEqual(refused);
  });
});

it('lets a request pass on 200 alone, or when the service is out where that is written', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 200, max: 599 }),
      fc.boolean(),
      fc.constantFrom('GET', 'HEAD', 'POST', 'OPTIONS'),
      async (status, failureModeAllow, method) => {
        const stand = new ExternalStand({ failureModeAllow }, () => new Response(null, { status }));
        const outcome = await stand.check({ method });
        expect(outcome.kind === 'allow').toBe(status === 200 || (failureModeAllow && status >= 500));
        if (status > 200 && status < 500) expect(outcome).toMatchObject({ kind: 'deny', answer: { status } });
        expect(stand.asked).toHaveLength(1);
      },
    ),
    { numRuns: 200 },
  ));
