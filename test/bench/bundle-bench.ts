/** What the Worker weighs, and how long a fresh process takes to its first answer. */
import * as fs from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { startBackend } from './backend.ts';
import { hostnameOf, prefixOf } from './generate-mappings.ts';
import { portolanOptions } from './generated-state.ts';
import { median, round, type Section } from './report.ts';
import { passThroughOptions, startWorkerd, type WorkerdOptions } from './workerd-process.ts';

const BUDGET_BYTES = 200 * 1024;
const STARTS = 7;

export async function benchBundle(): Promise<readonly Section[]> {
  const { bytes, gzipBytes } = await bundleWorker({ minify: true });
  return [
    {
      title: 'Worker bundle',
      rows: [
        {
          'minified KiB': kib(bytes),
          'gz KiB': kib(gzipBytes),
          'budget KiB': kib(BUDGET_BYTES),
          used: `${Math.round((100 * gzipBytes) / BUDGET_BYTES)} %`,
        },
      ],
      notes: [],
    },
    await benchStart(),
  ];
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}

async function benchStart(): Promise<Section> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-bench-'));
  const backend = await startBackend();
  try {
    const passThrough = passThroughOptions(path.join(folder, 'pass-through'), backend.address);
    const portolan = (count: number): Promise<WorkerdOptions> =>
      portolanOptions(path.join(folder, String(count)), backend.address, { count });
    const candidates = [
      { name: 'bare pass-through', options: passThrough },
      { name: 'Portolan, 100 routes', options: await portolan(100) },
      { name: 'Portolan, 10,000 routes', options: await portolan(10_000) },
    ];
    const starts = new Map<string, Start[]>(candidates.map(({ name }) => [name, []]));
    for (let count = 0; count < STARTS; count += 1) {
      for (const { name, options } of candidates) starts.get(name)?.push(await startOnce(options));
    }
    return {
      title: 'Fresh isolate to first response',
      rows: candidates.map(({ name }) => ({
        Worker: name,
        'start and first answer ms': round(median((starts.get(name) ?? []).map(({ totalMs }) => totalMs))),
        'first request ms': round(median((starts.get(name) ?? []).map(({ firstMs }) => firstMs))),
        'second request ms': round(median((starts.get(name) ?? []).map(({ secondMs }) => secondMs))),
      })),
      notes: [
        `Medians of ${STARTS} starts of workerd, in turn. The first request loads pointer, index and the shard it needs from the disk, and makes the counter's object.`,
      ],
    };
  } finally {
    backend.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

type Start = { readonly totalMs: number; readonly firstMs: number; readonly secondMs: number };

async function startOnce(options: WorkerdOptions): Promise<Start> {
  const started = performance.now();
  const worker = await startWorkerd(options);
  try {
    const ready = performance.now();
    await request(worker.port);
    const first = performance.now();
    await request(worker.port);
    return { totalMs: first - started, firstMs: first - ready, secondMs: performance.now() - first };
  } finally {
    await worker.close();
  }
}

function request(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // Node's own fetch does not let a caller choose the Host header.
    const headers = { host: hostnameOf(1) };
    const sent = http.get({ host: '127.0.0.1', port, path: `${prefixOf(1)}orders/1`, headers }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`The first request got ${response.statusCode}.`)),
      );
    });
    sent.on('error', reject);
  });
}
