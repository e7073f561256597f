/** `Location` as a client gets it: scheme, host and port of redirects. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompiledRedirect, RouteProgram } from '../../src/program/route-program.ts';
import { startStand, type Stand } from './stand.ts';
import { values } from './wire.ts';

/** Paths of this suite and what their routes do; written into the program, because no resource says a port alone. */
const REDIRECTS: Readonly<Record<string, Omit<CompiledRedirect, 'kind'>>> = {
  '/port/': { status: 302, port: 8080 },
  '/port80/': { status: 302, port: 80 },
  '/port443/': { status: 302, port: 443 },
  '/https/': { status: 301, scheme: 'https' },
  '/https443/': { status: 301, scheme: 'https', port: 443 },
  '/https80/': { status: 301, scheme: 'https', port: 80 },
  '/https8443/': { status: 308, scheme: 'https', port: 8443 },
  '/host/': { status: 307, authority: 'other.example' },
  '/host-port/': { status: 303, authority: 'other.example:8443', scheme: 'https' },
};

function withRedirects(program: RouteProgram): RouteProgram {
  const tables = Object.entries(program.tables).map(([id, routes]) => [
    id,
    routes.map((route) => {
      const path = route.matches[0]?.path;
      const redirect = path === undefined || path.kind === 'regex' ? undefined : REDIRECTS[path.value];
      return redirect === undefined ? route : { ...route, action: { kind: 'redirect' as const, ...redirect } };
    }),
  ]);
  return { ...program, tables: Object.fromEntries(tables) };
}

let stand: Stand;
beforeAll(async () => {
  stand = await startStand(
    Object.keys(REDIRECTS).map((prefix) => ({ prefix })),
    withRedirects,
  );
});
afterAll(() => stand.close());

async function location(path: string, host: string): Promise<string> {
  const client = await stand.connect();
  await client.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const head = await client.head();
  return `${head.startLine.slice(9, 12)} ${values(head, 'location').join(' and ')}`;
}

describe('Location', () => {
  it.each([
    ['/port/x?q=1', 'a.test', '302 http://a.test:8080/port/x?q=1'],
    ['/port/x', 'a.test:9000', '302 http://a.test:8080/port/x'],
    ['/port/x', '[::1]:9000', '302 http://[::1]:8080/port/x'],
    ['/port/x', '[::1]', '302 http://[::1]:8080/port/x'],
    ['/port80/x', 'a.test:9000', '302 http://a.test/port80/x'],
    ['/port443/x', 'a.test', '302 http://a.test:443/port443/x'],
    ['/https/x', 'a.test', '301 https://a.test/https/x'],
    ['/https/x', 'a.test:80', '301 https://a.test/https/x'],
    ['/https/x', 'a.test:8080', '301 https://a.test:8080/https/x'],
    ['/https443/x', 'a.test:8080', '301 https://a.test/https443/x'],
    ['/https80/x', 'a.test', '301 https://a.test:80/https80/x'],
    ['/https8443/x', 'a.test:80', '308 https://a.test:8443/https8443/x'],
    ['/host/x?a=b', 'a.test:9000', '307 http://other.example/host/x?a=b'],
    ['/host-port/x', 'a.test', '303 https://other.example:8443/host-port/x'],
  ])('%s of %s: %s', async (path, host, expected) => {
    expect(await location(path, host)).toBe(expected);
  });
});
