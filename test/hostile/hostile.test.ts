/** Hostile bytes against the built Worker on bare workerd; the figures are printed as one line of JSON. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS, PLATFORM_ROWS, ROWS } from './corpus/corpus.ts';
import { GATEWAYS, startBehind, startGateway, type Gateway, type GatewayName } from './gateways.ts';
import { observedTables, tableUnder, withTable } from './runtime-tables.ts';
import { judge, observe, type Observed, type Outcome } from './judge.ts';
import { makeVariants, type Variant } from './variants.ts';

type VariantOutcome = Observed & { readonly variant: Variant };

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-hostile-'));
const variants = makeVariants();
const outcomes: Outcome[] = [];
const variantOutcomes: VariantOutcome[] = [];
/** Of a gateway that believes its runtime. */
const naive: Outcome[] = [];

beforeAll(async () => {
  for (const name of Object.keys(GATEWAYS) as GatewayName[]) {
    await withGateway(startGateway(path.join(folder, name), GATEWAYS[name]), (gateway) => judgeAll(name, gateway));
  }
  const code = fs.readFileSync(path.join(import.meta.dirname, 'naive-worker.js'), 'utf8');
  await withGateway(startBehind(path.join(folder, 'naive'), {}, code), async (gateway) => {
    // It cuts nothing, so bodies that never end would be waited for in vain.
    const inputs = CORPUS.filter((input) => (input.gateway ?? 'default') === 'default' && input.holdMs === undefined);
    for (const input of inputs) naive.push(await judge(gateway, input));
  });
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function withGateway(starting: Promise<Gateway>, use: (gateway: Gateway) => Promise<void>): Promise<void> {
  const gateway = await starting;
  try {
    await use(gateway);
  } finally {
    await gateway.close();
  }
}

async function judgeAll(name: GatewayName, gateway: Gateway): Promise<void> {
  for (const input of CORPUS) if ((input.gateway ?? 'default') === name) outcomes.push(await judge(gateway, input));
  for (const variant of variants) {
    const { bytes, intent } = variant;
    if (intent.gateway === name) variantOutcomes.push({ ...(await observe(gateway, bytes, intent)), variant });
  }
}

/** Of the binary that startWorkerd runs. */
function workerdVersion(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('miniflare'));
  return (require('workerd/package.json') as { version: string }).version;
}

function naiveViolations(id: string): readonly string[] | undefined {
  return naive.find(({ input }) => input.id === id)?.violations;
}

function report(list: readonly Outcome[], of: 'violations' | 'differences'): readonly string[] {
  return list.flatMap(({ input, [of]: found }) => found.map((what) => `${input.id} ${input.what}: ${what}`));
}

describe('the corpus', () => {
  it('has an input for every row that a client of workerd can send', () => {
    const rows = new Set(CORPUS.map(({ id }) => Number.parseInt(id, 10)));
    const all = Array.from({ length: ROWS }, (_, at) => at + 1);
    expect(all.filter((row) => !rows.has(row) && !(row in PLATFORM_ROWS))).toEqual([]);
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

describe('variants', () => {
  it('are many, of every kind, and some get through', () => {
    expect(variantOutcomes.length).toBe(variants.length);
    expect(new Set(variants.map(({ bytes, intent }) => intent.gateway + bytes)).size).toBeGreaterThan(1000);
    for (const by of ['backend', 'gateway', 'runtime'] as const) {
      expect(variantOutcomes.filter((outcome) => outcome.by === by).length, by).toBeGreaterThan(50);
    }
  });

  it('never reach a backend wrongly', () => {
    const found = variantOutcomes.flatMap(({ variant, violations }) =>
      violations.map((what) => `${variant.what}: ${what}`),
    );
    expect(found).toEqual([]);
  });
});

describe('a gateway that believes its runtime and its clients', () => {
  /** Inputs that only a careful gateway survives, of every kind that an invariant speaks of. */
  const telling = '4a 5a 6 7a 10a 11a 13 35b 36 39e 44 45 46 47 48 53g 54 59j 63b'.split(' ');
  const harmless = '1 1a 1b 2 15 16 20 27 28 32 49a 50g 51a 56k 61 64n'.split(' ');

  it.each(telling)('is found out by %s', (id) => {
    expect(naiveViolations(id)?.length).toBeGreaterThan(0);
  });

  it.each(harmless)('is not accused of %s', (id) => {
    expect(naiveViolations(id)).toEqual([]);
  });
});

describe('docs/runtime-limits.md', () => {
  const file = path.join(import.meta.dirname, '../../docs/runtime-limits.md');

  it('says which build of the runtime it is about', () => {
    expect(fs.readFileSync(file, 'utf8')).toContain(`workerd ${workerdVersion()}`);
  });

  it('has what was observed (UPDATE_GOLDENS=1 rewrites its tables)', () => {
    const tables = observedTables(outcomes);
    if (process.env['UPDATE_GOLDENS'] === '1') {
      let text = fs.readFileSync(file, 'utf8');
      for (const [heading, rows] of tables) text = withTable(text, heading, rows);
      fs.writeFileSync(file, text);
    }
    const text = fs.readFileSync(file, 'utf8');
    for (const [heading, rows] of tables) {
      expect(rows.length, heading).toBeGreaterThan(0);
      expect(tableUnder(text, heading), heading).toEqual(rows);
    }
  });
});

describe('the figures', () => {
  it('are printed', () => {
    const all: readonly Observed[] = [...outcomes, ...variantOutcomes];
    const count = (test: (one: Observed) => boolean): number => all.filter(test).length;
    const figures = {
      suite: 'hostile',
      inputs: all.length,
      written: outcomes.length,
      variants: variantOutcomes.length,
      violations: all.flatMap(({ violations }) => violations).length,
      reachedBackend: count(({ seen }) => seen.length > 0),
      byGateway: count(({ by }) => by === 'gateway'),
      byRuntime: count(({ by }) => by === 'runtime'),
      unanswered: count(({ by }) => by === 'none'),
      violationsOfNaiveGateway: naive.flatMap(({ violations }) => violations).length,
    };
    // The figures are the product of this suite.
    // oxlint-disable-next-line no-console
    console.log(JSON.stringify(figures));
    expect(figures.violations).toBe(0);
  });
});
