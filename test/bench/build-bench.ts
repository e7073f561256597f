/** From parsed objects to values: a whole build, a rebuild after one change, and what a change writes. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { BuildCache } from '../../src/compile/build-program.ts';
import { EncodeCache } from '../../src/program/encode-cache.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram, type PublishReport } from '../../src/program/publish.ts';
import type { KubernetesObject } from '../../src/resources/ambassador/types.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { generateMappings, type MappingObject } from './generate-mappings.ts';
import { buildClean, parseGenerated } from './generated-program.ts';
import { median, ratio, round, type Section } from './report.ts';

const COUNT = 10_000;
const FULL_ROUNDS = 5;
const CHANGES = 21;

type Row = { readonly step: string; readonly ms: number; readonly budget: string; readonly writes?: number };

export async function benchBuild(): Promise<readonly Section[]> {
  const mappings = generateMappings({ count: COUNT });
  const [parseMs, objects] = await timed(() => parseGenerated(mappings));
  // JSON of the same objects is the yardstick: every build must at least read and write them once.
  const yardstick = await medianOf(FULL_ROUNDS, () => JSON.parse(JSON.stringify(mappings)) as unknown);
  buildClean(objects);
  const full = await medianOf(FULL_ROUNDS, () => buildClean(objects));
  const rows: readonly Row[] = [
    { step: 'JSON.stringify and parse of the objects', ms: yardstick, budget: '' },
    { step: 'reading them from one YAML stream', ms: parseMs, budget: '' },
    { step: 'build', ms: full, budget: '< 1000 ms' },
    ...(await benchChanges(mappings, objects)),
  ];
  return [
    {
      title: `Build of ${COUNT} Mappings with CORS and a rate limit`,
      rows: rows.map(({ step, ms, budget, writes }) => ({
        step,
        ms: round(ms),
        'vs JSON': ratio(ms / yardstick),
        budget,
        'values written': writes ?? '',
      })),
      notes: [
        `Medians of ${FULL_ROUNDS} whole builds (after one to warm up) and of ${CHANGES} single changes, each of another Mapping.`,
        'Values written by a change: its shard, its kept sources, index, history and pointer, and one more when the index has two levels. The highest of all changes is shown.',
      ],
    },
  ];
}

async function benchChanges(
  mappings: readonly MappingObject[],
  objects: readonly KubernetesObject[],
): Promise<readonly Row[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  try {
    const store = await openStateFolder(folder);
    const cache = new BuildCache();
    const encodeCache = new EncodeCache();
    const sourcesCache = new EncodeCache();
    const publish = async (current: readonly KubernetesObject[]): Promise<Step> => {
      const [buildMs, built] = await timed(() => buildClean(current, cache));
      const [encodeMs, encoded] = await timed(() => encodeProgram(built.program, { cache: encodeCache }));
      const options = { now: new Date().toISOString(), sources: built.accepted, sourcesCache };
      const [publishMs, report] = await timed(() => publishProgram(store, encoded, options));
      return { buildMs, encodeMs, publishMs, report };
    };
    const first = await publish(objects);
    const unchanged = await publish(objects);
    const steps: Step[] = [];
    let current = objects;
    for (let change = 0; change < CHANGES; change += 1) {
      current = withOneChange(mappings, current, Math.floor((change * COUNT) / CHANGES), change);
      steps.push(await publish(current));
    }
    const middle = (pick: (step: Step) => number): number => median(steps.map(pick));
    return [
      { step: 'encode', ms: first.encodeMs, budget: '' },
      { step: 'publish to a folder', ms: first.publishMs, budget: '', writes: first.report.written.length },
      {
        step: 'publish again, nothing changed',
        ms: unchanged.publishMs,
        budget: '0 values',
        writes: writesOf(unchanged),
      },
      { step: 'one change: build', ms: middle(({ buildMs }) => buildMs), budget: '< 50 ms' },
      { step: 'one change: encode', ms: middle(({ encodeMs }) => encodeMs), budget: '' },
      {
        step: 'one change: publish to a folder',
        ms: middle(({ publishMs }) => publishMs),
        budget: '≤ 5 or 6 values',
        writes: Math.max(...steps.map(writesOf)),
      },
    ];
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

type Step = {
  readonly buildMs: number;
  readonly encodeMs: number;
  readonly publishMs: number;
  readonly report: PublishReport;
};

function writesOf({ report }: Step): number {
  return report.written.length;
}

/** As a watcher hands it over: one object is new, all others are the same as before. */
function withOneChange(
  mappings: readonly MappingObject[],
  objects: readonly KubernetesObject[],
  index: number,
  change: number,
): readonly KubernetesObject[] {
  const mapping = mappings[index];
  const before = objects[index];
  if (mapping === undefined || before === undefined) throw new Error('There is no such Mapping.');
  const after = { ...before, spec: { ...mapping.spec, timeout_ms: 4000 + change } };
  return objects.with(index, after);
}

async function timed<T>(work: () => T | Promise<T>): Promise<readonly [ms: number, result: T]> {
  const started = performance.now();
  const result = await work();
  return [performance.now() - started, result];
}

async function medianOf(rounds: number, work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) times.push((await timed(work))[0]);
  return median(times);
}
