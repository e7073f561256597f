/** Programs that need upstreams for which a running edge process has no service binding. */
import * as http from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EdgeStand, type Edge } from './edge-stand.ts';

let stand: EdgeStand;
const backends = [0, 1].map(() => http.createServer((_, answer) => void answer.end('backend')));
beforeAll(async () => {
  stand = await EdgeStand.create();
  for (const server of backends) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const server of backends) server.close();
  await stand.close();
});

function portOf(number: number): number {
  const address = backends[number]?.address();
  if (typeof address !== 'object' || address === null) throw new Error(`There is no backend ${number}.`);
  return address.port;
}

/** Routes `/0`, `/1` … to the backends of these numbers. */
function config(...numbers: readonly number[]) {
  return {
    routes: numbers.map((number) => ({
      name: `route-${number}`,
      path: `/${number}`,
      backend: `http://127.0.0.1:${portOf(number)}`,
    })),
  };
}

async function ask({ url }: Edge, path: string): Promise<string> {
  const answer = await fetch(url + path);
  const text = await answer.text();
  return answer.ok ? text : `${answer.status} ${(JSON.parse(text) as { code: string }).code}`;
}

it('keeps the old program until the process is exchanged', async () => {
  const old = await stand.publish(config(0));
  const edge = await stand.startEdge(old.upstreams);
  expect(await edge.reload()).toBe(old.version);
  const next = await stand.publish(config(0, 1));
  expect(next.upstreams).toHaveLength(2);
  expect(await edge.reload()).toBe(old.version);
  expect((await edge.status())['rejected']).toMatch(
    new RegExp(`^upstream-unbound: index-.* no binding for http/127\\.0\\.0\\.1:${portOf(1)}$`),
  );
  expect([await ask(edge, '/0'), await ask(edge, '/1')]).toEqual(['backend', '404 no-route']);

  const exchanged = await stand.startEdge(next.upstreams);
  expect(await exchanged.reload()).toBe(next.version);
  expect([await ask(exchanged, '/0'), await ask(exchanged, '/1')]).toEqual(['backend', 'backend']);
});

it('serves what it can reach when there is no old program', async () => {
  const { version, upstreams } = await stand.publish(config(0, 1));
  const edge = await stand.startEdge(upstreams.slice(0, 1));
  expect(await edge.reload()).toBe(version);
  const [first] = upstreams;
  const reached = first?.origin.endsWith(`:${portOf(0)}`) === true ? 0 : 1;
  expect([await ask(edge, `/${reached}`), await ask(edge, `/${1 - reached}`)]).toEqual([
    'backend',
    '503 upstream-unbound',
  ]);
});

it('takes a program whose missing upstreams were left out on purpose', async () => {
  const old = await stand.publish(config(0));
  const next = await stand.publish(config(0, 1));
  await stand.publish(config(0));
  const left = next.upstreams.filter(({ id }) => old.upstreams.every((known) => known.id !== id)).map(({ id }) => id);
  expect(left).toHaveLength(1);
  const edge = await stand.startEdge(old.upstreams, { unbound: left });
  expect(await edge.reload()).toBe(old.version);
  const { version } = await stand.publish(config(0, 1));
  expect(await edge.reload()).toBe(version);
  expect([await ask(edge, '/0'), await ask(edge, '/1')]).toEqual(['backend', '503 upstream-unbound']);
});
