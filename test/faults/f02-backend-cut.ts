/**
 * F2: a backend is killed in the middle of a response body. The client always sees an incomplete
 * answer: never a clean end, never a second try. An answer without any framing ends with its
 * connection, so there no client on either side can tell; its figure is information.
 */
import { startBackend } from './backend-process.ts';
import { buildRoutes } from './programs.ts';
import { ask, label, type Outcome } from './raw-client.ts';
import { countBy, Expectations, Stage, type FaultOptions, type Figures } from './scenario.ts';
import { startStand } from './stand.ts';

const FRAMED = ['length', 'chunked', 'short', 'encoded', 'encoded-chunked'];
/** Watched over in three ways: total time, silence of the body, and no limit at all. */
const ROUTES = [
  { prefix: '/total/', timeoutMs: 20_000 },
  { prefix: '/silence/', timeoutMs: 60_000, idleTimeoutMs: 20_000 },
  { prefix: '/unlimited/', timeoutMs: 0 },
];
const AT_ONCE = 4;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const rounds = scale === 'full' ? 5 : 1;
  return Stage.run(async (stage) => {
    let backend = await startBackend('f2');
    stage.add({ close: () => backend.close() });
    const built = await buildRoutes(ROUTES.map((route) => ({ ...route, backend: backend.address })));
    const { port } = (await startStand(stage, built)).gateway;
    const held = new Expectations();

    for (const { prefix } of ROUTES) {
      const whole = await ask({ port, path: `${prefix}large/300000` });
      held.equal([label(whole), whole.body.length], ['200', 300_000], `control: a whole body over ${prefix}`);
    }

    const framed: Outcome[] = [];
    const unframed: Outcome[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const kind of [...FRAMED, 'unframed']) {
        const paths = ROUTES.flatMap(({ prefix }) => Array.from({ length: AT_ONCE }, () => `${prefix}half/${kind}`));
        const begun = paths.map((path) => begin(port, path));
        await Promise.all(begun.map(({ hasBody }) => hasBody));
        await backend.kill();
        const outcomes = await Promise.all(begun.map(({ outcome }) => outcome));
        (kind === 'unframed' ? unframed : framed).push(...outcomes);
        backend = await startBackend('f2', backend.port);
      }
    }
    const endings = countBy(framed.map(label));
    held.equal(endings, { '200 truncated': framed.length }, 'framed answers that were cut');
    held.expect(
      unframed.every(({ ending }) => ending !== 'hanging'),
      'cut answers without framing end',
    );
    return held.figures('F2', {
      cut: framed.length,
      detected: endings['200 truncated'] ?? 0,
      unframed: countBy(unframed.map(label)),
    });
  });
}

/** `hasBody` resolves when the first bytes of the body are there. */
function begin(port: number, path: string): { readonly outcome: Promise<Outcome>; readonly hasBody: Promise<unknown> } {
  const firstBytes = Promise.withResolvers<void>();
  const outcome = ask({ port, path, onBody: firstBytes.resolve });
  return { outcome, hasBody: Promise.race([firstBytes.promise, outcome]) };
}
