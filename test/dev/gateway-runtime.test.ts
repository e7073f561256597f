/** What the development server's runtime gives to whoever fetches keys, and to whoever asks for counters. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGatewayRuntime, type GatewayRuntime } from '../../src/dev/gateway-runtime.ts';
import type { CompiledKeys } from '../../src/policies/authentication/jwt/keys/key-source.ts';
import { freePort } from '../bench/workerd-process.ts';
import { procText } from '../faults/process-facts.ts';
import { startIdentityProvider, type IdentityProvider } from '../idp/identity-provider.ts';
import { bundleKeyProbe } from '../serve/bundle-key-probe.ts';

const stateFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'ptln-dev-runtime-'));
let provider: IdentityProvider;
let runtime: GatewayRuntime;
let url: string;

beforeAll(async () => {
  provider = await startIdentityProvider();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  runtime = await startGatewayRuntime({
    workerCode: await bundleKeyProbe(),
    stateFolder,
    port,
    upstreams: [
      {
        upstream: {
          id: 'idp',
          origin: provider.issuer,
          via: { kind: 'binding' },
          resolvedBy: 'literal',
          service: 'idp',
        },
        place: { address: new URL(provider.issuer), tls: null },
      },
    ],
    relayPort: 1,
    secrets: {},
    onLog: () => undefined,
  });
});
afterAll(async () => {
  await runtime.close();
  await provider.close();
  fs.rmSync(stateFolder, { recursive: true, force: true });
});

it.runIf(fs.existsSync('/proc/self/task'))(
  'opens no port on which every user could call the Worker’s entrypoints',
  () => {
    const threads = fs.readdirSync('/proc/self/task');
    const children = threads.flatMap((thread) => procText(`self/task/${thread}/children`).split(' ').filter(Boolean));
    const commands = children.map((pid) => procText(`${pid}/cmdline`).split('\0'));
    const workerd = commands.filter(([file = '']) => path.basename(file) === 'workerd');
    expect(workerd).toHaveLength(1);
    expect(workerd.flat().filter((argument) => argument.startsWith('--debug-port'))).toEqual([]);
  },
);

it('reaches the upstream of a key set through its binding', async () => {
  const keys: CompiledKeys = {
    kind: 'jwks',
    target: { upstream: 'idp', origin: provider.issuer, via: { kind: 'binding' } },
    path: '/jwks',
    maxStaleMs: 86_400_000,
  };
  const answer = await fetch(`${url}/keys`, { method: 'POST', body: JSON.stringify({ keys }) });
  expect(((await answer.json()) as { keys: unknown[] }).keys).toHaveLength(7);
});

it('reaches public addresses only, of those that nobody wrote down', async () => {
  const before = provider.requests.jwks;
  const answer = await fetch(`${url}/public`, { method: 'POST', body: provider.jwksURI });
  expect(await answer.text()).toMatch(/^refused: /);
  expect(provider.requests.jwks).toBe(before);
});

it('hands calls to the Limiter', async () => {
  expect(await runtime.decide('["ü"]')).toEqual({ status: 202, body: 'POST /decide ["ü"]' });
});
