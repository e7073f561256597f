import * as net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ask, label } from './raw-client.ts';

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Answers the first bytes of every connection with this text and ends as told. */
async function server(answer: string, end: 'end' | 'reset' | 'stay'): Promise<number> {
  const listening = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      socket.write(answer, () => {
        if (end === 'end') socket.end();
        if (end === 'reset') setTimeout(() => socket.resetAndDestroy(), 20);
      }),
    );
  });
  servers.push(listening);
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', () => resolve());
  });
  return (listening.address() as net.AddressInfo).port;
}

const HEAD = 'HTTP/1.1 200 OK\r\n';

// What the fault scenarios believe about answers rests on this judgement.
describe('the client of the fault tests', () => {
  it.each([
    ['whole, with length', `${HEAD}content-length: 3\r\n\r\nabc`, 'stay', '200'],
    ['whole, in chunks', `${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 'stay', '200'],
    ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', 'stay', '204'],
    ['cut, with length', `${HEAD}content-length: 4\r\n\r\nabc`, 'end', '200 truncated'],
    ['reset, with length', `${HEAD}content-length: 4\r\n\r\nabc`, 'reset', '200 truncated'],
    ['cut in a chunk', `${HEAD}transfer-encoding: chunked\r\n\r\n4\r\nabc`, 'end', '200 truncated'],
    ['cut between chunks', `${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`, 'end', '200 truncated'],
    ['cut in the last chunk', `${HEAD}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n`, 'end', '200 truncated'],
    ['cut in the headers', `${HEAD}content-le`, 'end', 'no-answer'],
    ['nothing', '', 'end', 'no-answer'],
    ['silence after the headers', `${HEAD}content-length: 4\r\n\r\nabc`, 'stay', '200 hanging'],
    ['silence', '', 'stay', 'hanging'],
  ] as const)('tells an answer that is %s', async (_, answer, end, expected) => {
    const port = await server(answer === '' && end === 'end' ? ' ' : answer, end);
    expect(label(await ask({ port, path: '/', withinMs: 300 }))).toBe(expected);
  });
});
