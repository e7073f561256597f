/**
 * F15: programs of 10,000 routes replace each other in `portolan serve` under load. No request fails and
 * every answer is of one version; how soon a published version is seen is a figure.
 */
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { startBackend } from './backend-process.ts';
import { BuildMemory, buildRoutes, publish, type Built } from './programs.ts';
import { ask, label, requestText } from './raw-client.ts';
import { countBy, Expectations, percentile, Stage, until, type FaultOptions, type Figures } from './scenario.ts';
import { startServeGateway } from './serve-gateway.ts';
import { underLoad } from './steady-load.ts';
import { saidBy } from './versions.ts';

const PROCESSES = 2;
const PER_HOST = 50;
/** Contents that follow each other in turn; half of the routes differ between neighbours. */
const CONTENTS = 4;

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  const routes = isFull ? 10_000 : 500;
  const swaps = isFull ? 100 : 5;
  return Stage.run(async (stage) => {
    const backend = stage.add(await startBackend('f15'));
    const contents = await buildContents(backend.address, routes);
    const state = stage.folder();
    const store = await openStateFolder(state);
    await publish(store, contentAt(contents, 0));
    const gateway = stage.add(await startServeGateway({ state, processes: PROCESSES }));
    const { port } = gateway;
    const held = new Expectations();
    const versions = new Map(contents.map(({ encoded }, content) => [encoded.version, content]));
    const check = async (index: number): Promise<string | null> => {
      const route = (index * 41) % routes;
      const outcome = await ask({ port, ...targetOf(route) });
      if (label(outcome) !== '200') return label(outcome);
      const content = versions.get(outcome.headers.get('x-portolan-config-version') ?? '');
      return content === undefined || outcome.headers.get('x-program') !== saidBy(content, route) ? 'a mixture' : null;
    };

    const firstMs: number[] = [];
    const everywhereMs: number[] = [];
    const swapOnce = async (swap: number): Promise<void> => {
      const next = contentAt(contents, swap % CONTENTS);
      await publish(store, next, { prune: false });
      const published = performance.now();
      const reloading = gateway.reload().then(() => everywhereMs.push(performance.now() - published));
      const isSeen = await until(async () => {
        const { headers } = await ask({ port, ...targetOf(swap % routes) });
        return headers.get('x-portolan-config-version') === next.encoded.version;
      }, 10_000);
      firstMs.push(performance.now() - published);
      held.expect(isSeen, `swap ${swap} is seen`);
      await reloading;
    };
    const load = await underLoad(
      {
        port,
        enough: isFull ? 20_000 : 500,
        request: (index) => requestText({ port, ...targetOf((index * 37) % routes) }),
        check,
      },
      async () => {
        for (let swap = 1; swap <= swaps; swap += 1) await swapOnce(swap);
      },
    );
    held.equal(countBy(load.failures), {}, 'failed requests and mixed answers');
    held.expect(load.checked > swaps, 'answers were judged all the while');
    const { version } = await gateway.status();
    held.equal(version, contentAt(contents, swaps % CONTENTS).encoded.version, 'the version in the end');
    return held.figures('F15', {
      routes,
      swaps,
      requests: load.requests + load.checked,
      failed: load.failures.length,
      firstAnswerP50Ms: percentile(firstMs, 0.5),
      firstAnswerP99Ms: percentile(firstMs, 0.99),
      everywhereP50Ms: percentile(everywhereMs, 0.5),
      everywhereP99Ms: percentile(everywhereMs, 0.99),
      loadP99Ms: percentile(load.p99Ms, 0.5),
    });
  });
}

async function buildContents(backend: string, routes: number): Promise<readonly Built[]> {
  const memory = new BuildMemory();
  const built: Built[] = [];
  for (let content = 0; content < CONTENTS; content += 1) {
    const facts = Array.from({ length: routes }, (_, route) => ({
      prefix: prefixOf(route),
      hostname: hostOf(route),
      backend,
      says: saidBy(content, route),
    }));
    built.push(await buildRoutes(facts, memory));
  }
  return built;
}

function contentAt(contents: readonly Built[], at: number): Built {
  const built = contents[at];
  if (built === undefined) throw new Error('There is no such content.');
  return built;
}

function targetOf(route: number): { readonly host: string; readonly path: string } {
  return { host: hostOf(route), path: `${prefixOf(route)}item` };
}

function hostOf(route: number): string {
  return `host-${Math.floor(route / PER_HOST)}.test`;
}

function prefixOf(route: number): string {
  return `/service-${route}/`;
}
