/** What the cluster of a schedule really holds, what it ever asked for, and what must have become of it. */
import type { RouteProgram } from '../../src/program/route-program.ts';
import { isRecord } from '../../src/resources/record.ts';
import type { FlakySource } from './flaky-source.ts';
import type { Seen } from './flaky-store.ts';

/** Never edited. */
const ANCHORS = ['anchor-0', 'anchor-1'];
/** Their one good version breaks and comes back. */
const FRAGILE = ['fragile-0', 'fragile-1', 'fragile-2'];
/** Broken from the start. */
const SICK = 'sick';
const OTHERS = 9;

const BROKEN_SPECS: readonly unknown[] = [
  'text',
  null,
  { hostname: '*', prefix: 5, service: 'one' },
  { hostname: '*', service: 'one' },
  { hostname: '*', prefix: '/elsewhere/', service: 'one', cors: { max_age: 'soon' } },
];

export class Truth {
  readonly #mappings: FlakySource;
  readonly #random: () => number;
  /** Every version of a route that was ever asked for, as routesOf() has it. */
  readonly #wished = new Set<string>();
  #edits = 0;

  constructor(mappings: FlakySource, random: () => number) {
    this.#mappings = mappings;
    this.#random = random;
    for (const name of [...ANCHORS, ...FRAGILE]) this.#putGood(name);
    mappings.put(SICK, { hostname: '*', prefix: '/sick/', service: 'one', cors: { max_age: 'soon' } });
    for (let count = 0; count < 4; count += 1) this.edit();
  }

  edit(): void {
    const name = `o-${Math.floor(this.#random() * OTHERS)}`;
    if (this.#mappings.objects.has(`n/${name}`) && this.#random() < 0.4) this.#mappings.delete(name);
    else this.#putGood(name);
  }

  breakOrMend(): void {
    const name = FRAGILE[Math.floor(this.#random() * FRAGILE.length)] ?? '';
    const spec = BROKEN_SPECS[Math.floor(this.#random() * BROKEN_SPECS.length)];
    if (this.#random() < 0.4) this.#putGood(name);
    else this.#mappings.put(name, spec);
  }

  /**
   * What is wrong with what was live once, whenever that was.
   *
   * @param wasLiedTo a list came back empty: then routes may be away until the next list, and nobody
   *   knows any more what had been accepted
   */
  judgeAny({ loaded, problem }: Seen, wasLiedTo: boolean): readonly string[] {
    if (loaded === null) return [`a reader finds: ${problem ?? 'nothing'}`];
    const routes = routesOf(loaded.program);
    const foreign = [...routes].filter((route) => !this.#wished.has(route));
    const steady = [...this.#wished].filter((route) => /^n\/(anchor|fragile)-/.test(route));
    const missing = wasLiedTo ? [] : steady.filter((route) => !routes.has(route));
    return [
      ...(problem === null ? [] : [`a reader finds: ${problem}`]),
      ...foreign.map((route) => `nobody wished for ${route}`),
      ...missing.map((route) => `for a while there was no ${route}`),
    ];
  }

  /** No ghost, no missing route, and the last good version of what is broken. */
  judgeLast({ tables }: RouteProgram, wasLiedTo: boolean): readonly string[] {
    const routes = routesOf({ tables });
    const wished = [...this.#mappings.objects].flatMap(([key, { spec }]) => this.#wishOf(key, spec));
    const isLost = (route: string): boolean => wasLiedTo && route.startsWith('n/fragile-');
    const isSickRefused = Object.values(tables)
      .flat()
      .some(({ source, action }) => source.name === SICK && action.kind === 'refuse');
    return [
      ...[...routes].filter((route) => !wished.includes(route)).map((route) => `ghost: ${route}`),
      ...wished.filter((route) => !routes.has(route) && !isLost(route)).map((route) => `missing: ${route}`),
      ...(isSickRefused ? [] : ['what never was accepted does not refuse']),
    ];
  }

  judgeStatuses(): readonly string[] {
    return [...this.#mappings.objects].flatMap(([key, { metadata, spec, status }]) => {
      const isGood = this.#wished.has(routeOf(key, spec));
      const reason = isGood ? 'Programmed' : key === `n/${SICK}` ? 'Invalid' : 'EarlierVersion';
      const generation = isRecord(metadata) ? metadata['generation'] : null;
      const expected = `Accepted=${isGood ? 'True' : 'False'} Programmed=${reason} of ${String(generation)}`;
      const found = statusText(status);
      return found === expected ? [] : [`status of ${key}: ${found}, not ${expected}`];
    });
  }

  #putGood(name: string): void {
    this.#edits += 1;
    const spec = FRAGILE.includes(name)
      ? { hostname: '*', prefix: `/${name}/`, service: name }
      : { hostname: '*', prefix: `/${name}/${this.#edits}/`, service: `s-${this.#edits}` };
    this.#wished.add(routeOf(`n/${name}`, spec));
    this.#mappings.put(name, spec);
  }

  #wishOf(key: string, spec: unknown): readonly string[] {
    const route = routeOf(key, spec);
    if (this.#wished.has(route)) return [route];
    const isFragile = FRAGILE.includes(key.slice(2));
    return [...this.#wished].filter((each) => isFragile && each.startsWith(`${key} `));
  }
}

function routeOf(key: string, spec: unknown): string {
  return isRecord(spec) ? `${key} ${String(spec['prefix'])} http://${String(spec['service'])}.n` : '';
}

/** `namespace/name prefix origin` of each route that forwards. */
function routesOf({ tables }: Pick<RouteProgram, 'tables'>): ReadonlySet<string> {
  const routes = Object.values(tables).flat();
  return new Set(
    routes.flatMap(({ source: { namespace, name }, matches, action }) => {
      if (action.kind !== 'forward') return [];
      const prefixes = matches.map(({ path }) => (path.kind === 'prefix' ? path.value : path.kind));
      const origins = action.backends.map(({ origin }) => origin);
      return [`${namespace}/${name} ${prefixes.join()} ${origins.join()}`];
    }),
  );
}

function statusText(status: unknown): string {
  const list = isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'].filter(isRecord) : [];
  const of = (type: string) => list.find((condition) => condition['type'] === type) ?? {};
  const { status: accepted, observedGeneration } = of('Accepted');
  return `Accepted=${String(accepted)} Programmed=${String(of('Programmed')['reason'])} of ${String(observedGeneration)}`;
}
