/** What heads look like on the other side: Host, status, reason, header lines, methods, redirects. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf, answers, HOST, requestOf, startStand, type Stand } from './stand.ts';
import { values, type Head } from './wire.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await startStand([
    { prefix: '/' },
    { prefix: '/literal/', host_rewrite: 'Inner.Example:8443' },
    { prefix: '/auto/', auto_host_rewrite: true },
  ]);
});
afterAll(() => stand.close());

/** Sends the request, answers it so, and returns both heads and bodies as they arrived. */
async function exchange(path: string, request: Buffer, answer: Buffer) {
  let seen: { head: Head; body: Buffer } | null = null;
  stand.backend.on(path.split('?')[0] ?? '', async ({ wire, head }) => {
    seen = { head, body: await wire.body(head) };
    await wire.write(answer);
  });
  const client = await stand.connect();
  await client.write(request);
  const head = await client.head();
  const isHead = request.toString('latin1').startsWith('HEAD ');
  const hasNone = isHead || /^HTTP\/1\.1 (204|304)/.test(head.startLine);
  const body = hasNone ? Buffer.alloc(0) : await client.body(head);
  client.fin();
  const left = await client.rest();
  if (seen === null) throw new Error(`The backend saw nothing; the client got ${head.startLine}.`);
  const { head: seenHead, body: seenBody } = seen as { head: Head; body: Buffer };
  return { seen: seenHead, seenBody, head, body, left };
}

const OK = answerOf('200 OK', ['Content-Length: 2'], 'ok');

describe('Host', () => {
  it("is the client's, with its port, when nothing else is asked for", async () => {
    const { seen } = await exchange('/host', requestOf('GET /host'), OK);
    expect(values(seen, 'host')).toEqual([HOST]);
    const request = Buffer.from('GET /host HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n');
    expect(values((await exchange('/host', request, OK)).seen, 'host')).toEqual(['shop.example:8080']);
  });

  it('is what host_rewrite says', async () => {
    const { seen } = await exchange('/literal/x', requestOf('GET /literal/x'), OK);
    expect(values(seen, 'host')).toEqual(['inner.example:8443']);
  });

  it('is the host of the service with auto_host_rewrite', async () => {
    const { seen } = await exchange('/auto/x', requestOf('GET /auto/x'), OK);
    expect(values(seen, 'host')).toEqual(['127.0.0.1']);
  });
});

describe('answer heads', () => {
  it('keep reason phrase, letter case, repeated lines and bytes above 127', async () => {
    const lines = [
      'X-MiXeD: One',
      'X-Twice: a',
      'X-Twice: b',
      'Set-Cookie: a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
      'Set-Cookie: b=2',
      'set-cookie: c=3',
      'X-Latin: caf\u00e9 \u00ff',
      'X-Empty:',
      'Content-Length: 2',
    ];
    const { head, body } = await exchange(
      '/lines',
      requestOf('GET /lines'),
      answerOf('200 Quite All Right', lines, 'ok'),
    );
    expect(head.startLine).toBe('HTTP/1.1 200 Quite All Right');
    expect(values(head, 'set-cookie')).toEqual(['a=1; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2', 'c=3']);
    expect(values(head, 'x-twice')).toEqual(['a', 'b']);
    expect(values(head, 'x-latin')).toEqual(['caf\u00e9 \u00ff']);
    expect(values(head, 'x-empty')).toEqual(['']);
    expect(head.lines).toContain('X-MiXeD: One');
    expect(body.toString()).toBe('ok');
  });

  it.each([
    [200, ''],
    [201, 'Created'],
    [202, 'Accepted'],
    [301, 'Moved Permanently'],
    [302, 'Found'],
    [307, 'Temporary Redirect'],
    [400, 'Bad'],
    [401, 'Unauthorized'],
    [404, 'Nope'],
    [418, "I'm a teapot"],
    [429, 'Slow Down'],
    [500, 'Oh'],
    [503, 'Busy'],
    [599, 'Odd'],
    [600, 'Odder'],
    [999, 'Oddest'],
  ])('pass status %i "%s"', async (status, reason) => {
    const lines = ['Location: /elsewhere', 'Content-Length: 2'];
    const { head } = await exchange('/status', requestOf('GET /status'), answerOf(`${status} ${reason}`, lines, 'ok'));
    expect(head.startLine.trimEnd()).toBe(`HTTP/1.1 ${status} ${reason}`.trimEnd());
    expect(values(head, 'location')).toEqual(['/elsewhere']);
  });
});

describe('answers without a body', () => {
  it.each(['204 No Content', '304 Not Modified'])('%s', async (status) => {
    const { head, left } = await exchange('/none', requestOf('GET /none'), answerOf(status, ['ETag: "x"']));
    expect(head.startLine).toBe(`HTTP/1.1 ${status}`);
    expect(values(head, 'etag')).toEqual(['"x"']);
    expect(left.length).toBe(0);
  });

  it('205', async () => {
    const { head, body } = await exchange(
      '/reset',
      requestOf('GET /reset'),
      answerOf('205 Reset Content', ['Content-Length: 0']),
    );
    expect(head.startLine).toBe('HTTP/1.1 205 Reset Content');
    expect(body.length).toBe(0);
  });

  it('HEAD keeps the Content-Length and Content-Encoding of the body it does not have', async () => {
    const lines = ['Content-Length: 123456', 'Content-Encoding: gzip'];
    const { seen, head, left } = await exchange('/head', requestOf('HEAD /head'), answerOf('200 OK', lines));
    expect(seen.startLine).toBe('HEAD /head HTTP/1.1');
    expect(values(head, 'content-length')).toEqual(['123456']);
    expect(values(head, 'content-encoding')).toEqual(['gzip']);
    expect(left.length).toBe(0);
  });
});

describe('request heads', () => {
  it('keep letter case, unknown repeated lines and bytes above 127', async () => {
    const lines = ['X-MiXeD: One', 'X-Twice: a', 'X-Twice: b', 'X-Latin: caf\u00e9', 'Accept: a/b', 'Accept: c/d'];
    const { seen } = await exchange('/sent', requestOf('GET /sent', lines), OK);
    expect(seen.lines).toContain('X-MiXeD: One');
    expect(values(seen, 'x-twice').join(', ')).toBe('a, b');
    expect(values(seen, 'x-latin')).toEqual(['caf\u00e9']);
    expect(values(seen, 'accept').join(', ')).toBe('a/b, c/d');
  });

  it('get no header that the client did not send, forwarding headers apart', async () => {
    const { seen } = await exchange('/bare', requestOf('GET /bare'), OK);
    const names = seen.lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
    expect(names.toSorted()).toEqual(
      [
        'host',
        'x-envoy-expected-rq-timeout-ms',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-proto',
        'x-request-id',
      ].toSorted(),
    );
  });

  it('keep the query as it was written', async () => {
    const target = '/query?b=2&a=1&a=%20+%2F&&x=[1]{2}|^';
    const { seen } = await exchange(target, requestOf(`GET ${target}`), OK);
    expect(seen.startLine).toBe(`GET ${target} HTTP/1.1`);
  });
});

describe('methods', () => {
  const plain = ['GET', 'OPTIONS', 'PURGE', 'QUERY', 'PROPFIND', 'DELETE'] as const;
  it.each(plain)('%s without a body', async (method) => {
    const { seen, seenBody, head } = await exchange('/method', requestOf(`${method} /method`), OK);
    expect(seen.startLine).toBe(`${method} /method HTTP/1.1`);
    expect(seenBody.length).toBe(0);
    expect(head.startLine).toBe('HTTP/1.1 200 OK');
  });

  it.each([...plain, 'POST', 'PUT', 'PATCH'])('%s with a body of known length', async (method) => {
    const request = requestOf(`${method} /method`, ['Content-Length: 5'], 'hello');
    const { seen, seenBody } = await exchange('/method', request, OK);
    expect(seen.startLine).toBe(`${method} /method HTTP/1.1`);
    expect(values(seen, 'content-length')).toEqual(['5']);
    expect(seenBody.toString()).toBe('hello');
  });

  it.each([...plain.slice(1), 'POST'])('%s with a chunked body', async (method) => {
    const request = requestOf(`${method} /method`, ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n');
    const { seen, seenBody } = await exchange('/method', request, OK);
    expect(seen.startLine).toBe(`${method} /method HTTP/1.1`);
    expect(seenBody.toString()).toBe('hello');
  });

  it('GET with a body of unknown length is refused, because the runtime would send it without', async () => {
    const client = await stand.connect();
    const request = requestOf('GET /chunked-get', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n');
    await client.write(request);
    expect((await client.head()).startLine).toBe('HTTP/1.1 411 Length Required');
    expect(stand.backend.arrivals('/chunked-get')).toBe(0);
  });

  it('POST without a body says that it has none', async () => {
    const { seen, seenBody } = await exchange('/method', requestOf('POST /method', ['Content-Length: 0']), OK);
    expect(values(seen, 'content-length')).toEqual(['0']);
    expect(seenBody.length).toBe(0);
  });
});

describe('kept connections', () => {
  it('carry one exchange after the other', async () => {
    stand.backend.on('/kept', answers(OK));
    const client = await stand.connect();
    for (let count = 0; count < 20; count += 1) {
      await client.write(requestOf('POST /kept', ['Content-Length: 3'], 'abc'));
      const head = await client.head();
      expect(head.startLine).toBe('HTTP/1.1 200 OK');
      expect((await client.body(head)).toString()).toBe('ok');
    }
  });
});
