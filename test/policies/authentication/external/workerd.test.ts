/** The method `external` in the built Worker on bare workerd, with a service and a backend that say what was on the wire. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf, answers, requestOf, type Arrived, type Handler } from '../../../fidelity/stand.ts';
import { sleep, values, type Head } from '../../../fidelity/wire.ts';
import { startExternalGateway, type ExternalGateway } from './gateway.ts';

const ALLOW = answerOf('200 OK', ['Content-Length: 2'], 'ok');
const PASSED = answerOf('200 OK', ['Content-Length: 6'], 'passed');

let gateway: ExternalGateway;
beforeAll(async () => {
  gateway = await startExternalGateway({
    plain: { allowedAuthorizationHeaders: ['x-auth-user'], pathPrefix: '/verify' },
    own: { host: 'service' },
    part: { includeBody: { maxBytes: 4_096, allowPartial: true } },
    whole: { includeBody: { maxBytes: 200_000, allowPartial: false } },
    small: { includeBody: { maxBytes: 1_000, allowPartial: false } },
    quick: { timeoutMs: 300, statusOnError: 503 },
    open: { timeoutMs: 300, failureModeAllow: true },
    down: { service: 'http://127.0.0.1:9' },
  });
});
afterAll(() => gateway.close());

let counter = 0;
/** A path that nothing else asks for. */
function fresh(route: string): string {
  counter += 1;
  return `/${route}/${counter}`;
}

type Got = { readonly status: number; readonly head: Head; readonly body: Buffer };

async function send(request: Buffer, isHead = false): Promise<Got> {
  const client = await gateway.connect();
  await client.write(request);
  const head = await client.head();
  const body = isHead ? Buffer.alloc(0) : await client.body(head);
  client.fin();
  expect((await client.rest()).length).toBe(0);
  return { status: Number(head.startLine.split(' ')[1]), head, body };
}

function codeOf({ body }: Got): unknown {
  return (JSON.parse(body.toString()) as { code: unknown }).code;
}

type Seen = { readonly head: Head; readonly body: Buffer };

/** Reads whole requests and answers all of them so. */
function recording(seen: Seen[], answer: Buffer): Handler {
  return async ({ wire, head }: Arrived) => {
    seen.push({ head, body: await wire.body(head) });
    await wire.write(answer);
  };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function chunked(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

describe('a body arrives at the service and whole at the backend', () => {
  const bodies: readonly (readonly [string, Buffer])[] = [
    ['100 KB', randomBytes(100_000)],
    ['4096 bytes', randomBytes(4_096)],
    ['4097 bytes', randomBytes(4_097)],
    ['one byte', Buffer.from('x')],
    ['nothing', Buffer.alloc(0)],
  ];
  for (const route of ['part', 'whole'] as const) {
    for (const framing of ['length', 'chunked'] as const) {
      it.each(bodies)(`/${route}/, ${framing}: %s`, async (_name, bytes) => {
        const path = fresh(route);
        const [asked, arrived]: [Seen[], Seen[]] = [[], []];
        gateway.auth.on(path, recording(asked, ALLOW));
        gateway.backend.on(path, recording(arrived, PASSED));
        const lines = [framing === 'length' ? `Content-Length: ${bytes.length}` : 'Transfer-Encoding: chunked'];
        const got = await send(requestOf(`POST ${path}`, lines, framing === 'length' ? bytes : chunked(bytes, 7_001)));
        expect([got.status, got.body.toString()]).toEqual([200, 'passed']);

        const [check] = asked;
        const shown = route === 'part' ? bytes.subarray(0, 4_096) : bytes;
        if (check === undefined) throw new Error('The service was not asked.');
        expect(sha256(check.body)).toBe(sha256(shown));
        expect(values(check.head, 'content-length')).toEqual([String(shown.length)]);
        expect(values(check.head, 'transfer-encoding')).toEqual([]);
        expect(values(check.head, 'x-envoy-auth-partial-body')).toEqual([String(shown.length < bytes.length)]);

        const [up] = arrived;
        if (up === undefined) throw new Error('Nothing reached the backend.');
        expect([arrived.length, sha256(up.body)]).toEqual([1, sha256(bytes)]);
        expect(values(up.head, 'content-length')).toEqual(framing === 'length' ? [String(bytes.length)] : []);
        expect(values(up.head, 'transfer-encoding')).toEqual(framing === 'length' ? [] : ['chunked']);
        expect(values(up.head, 'x-envoy-auth-partial-body')).toEqual([]);
      });
    }
  }

  it('when it comes in drops, and the connection serves on', async () => {
    const path = fresh('part');
    const arrived: Seen[] = [];
    gateway.auth.on(path, answers(ALLOW));
    gateway.backend.on(path, recording(arrived, PASSED));
    const client = await gateway.connect();
    for (const text of ['slowly does it', 'and once more']) {
      await client.write(requestOf(`POST ${path}`, [`Content-Length: ${text.length}`]));
      for (const letter of text) {
        await client.write(letter);
        await sleep(2);
      }
      const head = await client.head();
      expect((await client.body(head)).toString()).toBe('passed');
    }
    expect(arrived.map(({ body }) => body.toString())).toEqual(['slowly does it', 'and once more']);
  });

  it.each(['length', 'chunked'] as const)('when it is large (%s)', async (framing) => {
    const path = fresh('part');
    const bytes = randomBytes(20_000_000);
    const hashes: string[] = [];
    gateway.auth.on(path, answers(ALLOW));
    gateway.backend.on(path, async ({ wire, head }) => {
      const hash = createHash('sha256');
      await wire.eachPart(head, (part) => void hash.update(part));
      hashes.push(hash.digest('hex'));
      await wire.write(PASSED);
    });
    const lines = [framing === 'length' ? `Content-Length: ${bytes.length}` : 'Transfer-Encoding: chunked'];
    const body = framing === 'length' ? bytes : chunked(bytes, 70_001);
    expect((await send(requestOf(`POST ${path}`, lines, body))).status).toBe(200);
    expect(hashes).toEqual([sha256(bytes)]);
  });

  it('though the backend may answer before it has it', async () => {
    const path = fresh('part');
    gateway.auth.on(path, answers(ALLOW));
    gateway.backend.on(path, async ({ wire }) => {
      await wire.write(answerOf('404 Not Found', ['Content-Length: 4', 'Connection: close'], 'none'));
      throw new Error('ends the connection');
    });
    const client = await gateway.connect();
    await client.write(requestOf(`POST ${path}`, ['Content-Length: 100000'], randomBytes(5_000)));
    const head = await client.head();
    expect([head.startLine, (await client.body(head)).toString()]).toEqual(['HTTP/1.1 404 Not Found', 'none']);
  });

  it('and when the service says no, nobody waits for the rest of it', async () => {
    const path = fresh('part');
    gateway.auth.on(path, answers(answerOf('403 Forbidden', ['Content-Length: 2'], 'no')));
    const client = await gateway.connect();
    await client.write(requestOf(`POST ${path}`, ['Content-Length: 100000'], randomBytes(5_000)));
    const head = await client.head();
    expect([head.startLine, (await client.body(head)).toString()]).toEqual(['HTTP/1.1 403 Forbidden', 'no']);
    expect(gateway.backend.arrivals(path)).toBe(0);
  });

  it('unless it is longer than may be shown: then it reaches neither', async () => {
    const path = fresh('small');
    const bytes = randomBytes(1_001);
    for (const request of [
      requestOf(`PUT ${path}`, ['Content-Length: 1001'], bytes),
      requestOf(`PUT ${path}`, ['Transfer-Encoding: chunked'], chunked(bytes, 600)),
    ]) {
      const got = await send(request);
      expect([got.status, codeOf(got)]).toEqual([413, 'auth-body-too-large']);
    }
    expect([gateway.auth.arrivals(path), gateway.backend.arrivals(path)]).toEqual([0, 0]);
  });

  it('unless the method is GET', async () => {
    const path = fresh('whole');
    const got = await send(requestOf(`GET ${path}`, ['Content-Length: 4'], 'evil'));
    expect([got.status, codeOf(got)]).toEqual([400, 'auth-body-unsendable']);
    expect([gateway.auth.arrivals(path), gateway.backend.arrivals(path)]).toEqual([0, 0]);
  });

  it('unless the client breaks off, before or after the service was asked', async () => {
    const [early, late] = [fresh('whole'), fresh('part')];
    const clients = [await gateway.connect(), await gateway.connect()];
    const broken: unknown[] = [];
    const whole: Seen[] = [];
    for (const path of [early, late]) {
      gateway.auth.on(path, answers(ALLOW));
      gateway.backend.on(path, async ({ wire, head }) => {
        try {
          whole.push({ head, body: await wire.body(head) });
        } catch (error) {
          broken.push(error);
          throw error;
        }
      });
    }
    await clients[0]?.write(requestOf(`POST ${early}`, ['Content-Length: 50000'], randomBytes(20_000)));
    await clients[1]?.write(requestOf(`POST ${late}`, ['Content-Length: 50000'], randomBytes(20_000)));
    for (let waited = 0; gateway.backend.arrivals(late) === 0 && waited < 400; waited += 1) await sleep(10);
    for (const client of clients) client.reset();
    for (let waited = 0; broken.length === 0 && waited < 400; waited += 1) await sleep(10);
    expect([broken.length, whole.length]).toEqual([1, 0]);
    expect([gateway.auth.arrivals(early), gateway.backend.arrivals(early)]).toEqual([0, 0]);
  });
});

describe('the service is asked', () => {
  it('with the request’s method, path, query, Host and listed headers alone', async () => {
    const path = fresh('plain');
    const asked: Seen[] = [];
    gateway.auth.on(`/verify${path}`, recording(asked, ALLOW));
    gateway.backend.on(path, answers(PASSED));
    const lines = ['Authorization: Bearer t', 'Cookie: a=b', 'X-Other: no', 'Accept-Encoding: gzip', 'TE: trailers'];
    expect((await send(requestOf(`DELETE ${path}?a=%2F&b`, lines))).status).toBe(200);
    const [check] = asked;
    if (check === undefined) throw new Error('The service was not asked.');
    expect(check.head.startLine).toBe(`DELETE /verify${path}?a=%2F&b HTTP/1.1`);
    const names = check.head.lines.map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
    expect(names.toSorted()).toEqual([
      'authorization',
      'content-length',
      'cookie',
      'host',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-request-id',
    ]);
    expect(values(check.head, 'content-length')).toEqual(['0']);
    expect(values(check.head, 'host')).toEqual(['gateway.test']);
    expect(values(check.head, 'x-forwarded-host')).toEqual(['gateway.test']);
  });

  it('with its own Host where that is written', async () => {
    const path = fresh('own');
    const asked: Seen[] = [];
    gateway.auth.on(path, recording(asked, ALLOW));
    gateway.backend.on(path, answers(PASSED));
    await send(requestOf(`GET ${path}`));
    expect(asked.map(({ head }) => values(head, 'host'))).toEqual([[`127.0.0.1:${gateway.auth.port}`]]);
  });

  it('and what it says of the caller cannot be said by the client', async () => {
    const path = fresh('plain');
    const arrived: Seen[] = [];
    gateway.backend.on(path, recording(arrived, PASSED));
    const forged = ['X-Auth-User: eve', 'x_auth_user: eve', 'X-AUTH-USER: eve', 'Authorization: Bearer outer'];
    gateway.auth.on(`/verify${path}`, answers(ALLOW));
    await send(requestOf(`GET ${path}`, forged));
    const named = answerOf('200 OK', ['Content-Length: 0', 'X-Auth-User: ann', 'Authorization: Bearer inner']);
    gateway.auth.on(`/verify${path}`, answers(named));
    await send(requestOf(`GET ${path}`, forged));
    expect(arrived.map(({ head }) => [values(head, 'x-auth-user'), values(head, 'x_auth_user')])).toEqual([
      [[], []],
      [['ann'], []],
    ]);
    expect(arrived.map(({ head }) => values(head, 'authorization'))).toEqual([['Bearer outer'], ['Bearer inner']]);
  });
});

async function denied(answer: Buffer, line = 'GET', isHead = false): Promise<Got> {
  const path = fresh('plain');
  gateway.auth.on(`/verify${path}`, answers(answer));
  const got = await send(requestOf(`${line} ${path}`), isHead);
  expect([gateway.auth.arrivals(`/verify${path}`), gateway.backend.arrivals(path)]).toEqual([1, 0]);
  return got;
}

describe('the service says no', () => {
  it('and the client gets its words, its cookies apart, its redirect not followed', async () => {
    const headers = [
      'Location: /plain/elsewhere',
      'Set-Cookie: a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
      'Set-Cookie: b=2',
      'WWW-Authenticate: Bearer realm="x"',
      'X-Internal: secret',
      'Content-Type: text/html',
    ];
    for (const status of ['302 Found', '401 Unauthorized', '403 Forbidden', '201 Created', '429 Too Many Requests']) {
      const got = await denied(answerOf(status, [...headers, 'Content-Length: 4'], 'no!\n'));
      expect(got.status).toBe(Number(status.slice(0, 3)));
      expect(got.body.toString()).toBe('no!\n');
      expect(values(got.head, 'set-cookie')).toEqual(['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2']);
      expect(values(got.head, 'location')).toEqual(['/plain/elsewhere']);
      expect(values(got.head, 'www-authenticate')).toEqual(['Bearer realm="x"']);
      expect(values(got.head, 'content-type')).toEqual(['text/html']);
      expect(values(got.head, 'x-internal')).toEqual([]);
    }
  });

  it.each(['204 No Content', '304 Not Modified'])('with %s, and nothing follows', async (status) => {
    const got = await denied(answerOf(status, []));
    expect([got.status, got.body.length]).toEqual([Number(status.slice(0, 3)), 0]);
  });

  it('to HEAD, and nothing follows', async () => {
    const got = await denied(answerOf('403 Forbidden', ['Content-Length: 5000']), 'HEAD', true);
    expect(got.status).toBe(403);
  });

  it('at length, and the client gets all of it; too long, and it sees that it was cut', async () => {
    const bytes = randomBytes(300_000);
    const whole = await denied(answerOf('403 Forbidden', [`Content-Length: ${bytes.length}`], bytes));
    expect(sha256(whole.body)).toBe(sha256(bytes));
    const endless = answerOf('403 Forbidden', ['Content-Length: 3000000'], Buffer.alloc(3_000_000, 'a'));
    await expect(denied(endless)).rejects.toThrow('ended');
  });
});

describe('the service is not to be relied on', () => {
  const hostile: readonly (readonly [string, Buffer | null])[] = [
    ['closes', null],
    ['500', answerOf('500 Oops', ['Content-Length: 0'])],
    ['101', answerOf('101 Switching Protocols', ['Upgrade: websocket', 'Connection: Upgrade'])],
    ['100 and silence', answerOf('100 Continue', [])],
    ['status 999', answerOf('999 Odd', ['Content-Length: 0'])],
    ['status 600', answerOf('600 Odd', ['Content-Length: 0'])],
    ['status 099', answerOf('099 Odd', ['Content-Length: 0'])],
    ['status 2000', answerOf('2000 OK', ['Content-Length: 0'])],
    ['no HTTP', Buffer.from('200 OK\r\n\r\n')],
    ['half a head', Buffer.from('HTTP/1.1 200 OK\r\nX-Auth-User: ann')],
    ['a header of 300 KB', answerOf('200 OK', ['Content-Length: 0', `Location: ${'a'.repeat(300_000)}`])],
    ['a header of 40 KB', answerOf('200 OK', ['Content-Length: 0', `Location: ${'a'.repeat(40_000)}`])],
    ['a NUL in a header', answerOf('200 OK', ['Content-Length: 0', 'Location: a\u0000b'])],
    ['a control character in a header', answerOf('200 OK', ['Content-Length: 0', 'Location: a\u0001b'])],
  ];

  it.each(hostile)('%s: nothing passes', async (name, bytes) => {
    const path = fresh('quick');
    gateway.auth.on(path, async ({ wire }) => {
      if (bytes !== null) await wire.write(bytes);
      if (name !== '100 and silence') throw new Error('ends the connection');
      await sleep(1_000);
    });
    const got = await send(requestOf(`GET ${path}`));
    expect([got.status, codeOf(got)]).toEqual([503, 'external-auth-unavailable']);
    expect(gateway.backend.arrivals(path)).toBe(0);
  });

  it('silence ends after the time given: refused, or let pass where that is written', async () => {
    for (const route of ['quick', 'open']) {
      const path = fresh(route);
      gateway.auth.on(path, () => sleep(2_000));
      gateway.backend.on(path, answers(PASSED));
      const got = await send(requestOf(`GET ${path}`));
      expect(got.status).toBe(route === 'open' ? 200 : 503);
      expect(gateway.backend.arrivals(path)).toBe(route === 'open' ? 1 : 0);
    }
    expect(gateway.log()).toContain('no answer within 300 ms');
  });

  it('a connection that is lost once is no outage, and the body is shown again', async () => {
    const path = fresh('part');
    const [asked, arrived]: [Seen[], Seen[]] = [[], []];
    gateway.auth.on(path, async (question) => {
      await recording(asked, asked.length === 0 ? Buffer.alloc(0) : ALLOW)(question);
      if (asked.length === 1) throw new Error('ends the connection');
    });
    gateway.backend.on(path, recording(arrived, PASSED));
    expect((await send(requestOf(`POST ${path}`, ['Content-Length: 5'], 'hello'))).status).toBe(200);
    expect([...asked, ...arrived].map(({ body }) => body.toString())).toEqual(['hello', 'hello', 'hello']);
  });

  it('nobody listens', async () => {
    const path = fresh('down');
    const got = await send(requestOf(`GET ${path}?token=sesame`));
    expect([got.status, codeOf(got)]).toEqual([403, 'external-auth-unavailable']);
    expect(gateway.log()).toContain('"event":"external-auth-unavailable"');
    expect(gateway.log()).not.toContain('sesame');
  });

  it('a no that stalls is cut', async () => {
    const path = fresh('quick');
    gateway.auth.on(path, async ({ wire }) => {
      await wire.write(answerOf('403 Forbidden', ['Content-Length: 100000'], 'first'));
      await sleep(3_000);
    });
    await expect(send(requestOf(`GET ${path}`))).rejects.toThrow('ended');
  });

  it('a yes with a megabyte of body passes, and nobody waits for that', async () => {
    const path = fresh('plain');
    const yes = answerOf('200 OK', ['Content-Length: 1000000'], Buffer.alloc(1_000_000, 'a'));
    gateway.auth.on(`/verify${path}`, answers(yes));
    gateway.backend.on(path, answers(PASSED));
    for (let round = 0; round < 10; round += 1) expect((await send(requestOf(`GET ${path}`))).status).toBe(200);
  });

  it('a yes with a few bytes leaves its connection for the next question', async () => {
    const path = fresh('plain');
    gateway.auth.on(`/verify${path}`, answers(ALLOW));
    gateway.backend.on(path, answers(PASSED));
    const before = gateway.auth.accepted;
    for (let round = 0; round < 10; round += 1) await send(requestOf(`GET ${path}`));
    expect([gateway.auth.arrivals(`/verify${path}`), gateway.auth.accepted - before < 5]).toEqual([10, true]);
  });
});
