/** Hostile bytes against the built Worker on bare workerd; the figures are printed as one line of JSON. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS, PLATFORM_ROWS, ROWS } from './corpus/corpus.ts';
import type { HostileInput } from './corpus/input.ts';
import { GATEWAYS, startGateway, type Gateway, type GatewayName } from './gateways.ts';
import { judge, type Outcome } from './judge.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-hostile-'));
const outcomes: Outcome[] = [];

beforeAll(async () => {
  for (const name of Object.keys(GATEWAYS) as GatewayName[]) outcomes.push(...(await judgeAll(name, CORPUS)));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function judgeAll(name: GatewayName, inputs: readonly HostileInput[]): Promise<readonly Outcome[]> {
  const gateway: Gateway = await startGateway(path.join(folder, name), GATEWAYS[name]);
  try {
    const judged: Outcome[] = [];
    for (const input of inputs) if ((input.gateway ?? 'default') === name) judged.push(await judge(gateway, input));
    return judged;
  } finally {
    await gateway.close();
  }
}

function report(list: readonly Outcome[], of: 'violations' | 'differences'): readonly string[] {
  return list.flatMap(({ input, [of]: found }) => found.map((what) => `${input.id} ${input.what}: ${what}`));
}

describe('the corpus', () => {
  it('has an input for every row that a client of workerd can send', () => {
    const rows = new Set(CORPUS.map(({ id }) => Number.parseInt(id, 10)));
    const missing = Array.from({ length: ROWS }, (_, at) => at + 1).filter(
      (row) => !rows.has(row) && !(row in PLATFORM_ROWS),
    );
    expect(missing).toEqual([]);
    expect(new Set(CORPUS.map(({ id }) => id)).size).toBe(CORPUS.length);
    expect(outcomes.length).toBe(CORPUS.length);
  });

  it('never reaches a backend wrongly', () => {
    expect(report(outcomes, 'violations')).toEqual([]);
  });

  it('is answered as expected, and backends get exactly what is written', () => {
    expect(report(outcomes, 'differences')).toEqual([]);
  });
});
