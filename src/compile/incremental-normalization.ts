/**
 * Normalising again only the Mappings that changed. A Mapping's normal form depends on the Mapping, the
 * options and the resources of other kinds; while these are the same objects as before, the Mappings
 * known from before are taken over. Everything else goes through normalising every time: other kinds
 * (few, some of them merged or counted) and Mappings that did not become one resource by themselves.
 *
 * The result never differs from a full one (test/compile/build-program.test.ts, "through any history of edits").
 */
import type { Finding, Report, SourceRef } from '../diagnostics/finding.ts';

const MAPPING = 'Mapping';

type Named = { readonly source: SourceRef };
/** NormalizedResources has this shape. */
export type NormalizationOutput = { readonly mappings: readonly Named[] };
export type NormalizationItem = Named & { readonly kind: string };

export type Normalize<Item extends NormalizationItem, Output extends NormalizationOutput> = (
  objects: readonly Item[],
  report: Report,
) => Output;

type Known<Output extends NormalizationOutput> = {
  readonly mapping: Output['mappings'][number];
  readonly findings: readonly Finding[];
};
type Surroundings<Item, Output> = { readonly objects: readonly Item[]; readonly output: Output };

export class IncrementalNormalization<Item extends NormalizationItem, Output extends NormalizationOutput> {
  #mappings = new WeakMap<Item, Known<Output>>();
  #surroundings: Surroundings<Item, Output> | null = null;
  #options = '';

  /** `options`: text that differs whenever the normal form could. */
  normalize(objects: readonly Item[], options: string, normalize: Normalize<Item, Output>, report: Report): Output {
    const others = objects.filter(({ kind }) => kind !== MAPPING);
    const same = options === this.#options && isSameList(this.#surroundings?.objects ?? null, others);
    if (!same) {
      this.#mappings = new WeakMap();
      this.#options = options;
    }
    const fresh = objects.filter((object) => object.kind === MAPPING && !this.#mappings.has(object));
    const known = this.#knownBeside(objects, fresh);
    const findings: Finding[] = [];
    const output = normalize(known === null ? objects : [...others, ...fresh], (one) => findings.push(one));
    this.#remember(known === null ? objects : fresh, output, findings);

    for (const one of findings) report(one);
    for (const { findings: kept } of known ?? []) for (const one of kept) report(one);
    if (!same || this.#surroundings === null) this.#surroundings = { objects: others, output };
    // The same objects as before, so that whoever compares by identity sees that nothing changed.
    const mappings = [...(known ?? []).map(({ mapping }) => mapping), ...output.mappings];
    return { ...this.#surroundings.output, mappings };
  }

  /** Mappings to take over; null when a new object has the name of one, which only a full look can judge. */
  #knownBeside(objects: readonly Item[], fresh: readonly Item[]): readonly Known<Output>[] | null {
    const names = new Set(fresh.map(({ source }) => source.name));
    const keys = new Set(fresh.map(fullName));
    const known: Known<Output>[] = [];
    for (const object of objects) {
      const entry = object.kind === MAPPING ? this.#mappings.get(object) : undefined;
      if (entry === undefined) continue;
      if (names.has(object.source.name) && keys.has(fullName(object))) return null;
      known.push(entry);
    }
    return known;
  }

  /** Only what is one Mapping by itself: not one left out, and not one of several with its name. */
  #remember(objects: readonly Item[], output: Output, findings: readonly Finding[]): void {
    const candidates = new Map<string, Item | null>();
    for (const object of objects) {
      if (object.kind !== MAPPING) continue;
      const name = fullName(object);
      candidates.set(name, candidates.has(name) ? null : object);
    }
    const about = new Map<string, Finding[]>();
    for (const one of findings) {
      if (one.source?.kind !== MAPPING) continue;
      const name = fullName({ source: one.source });
      const list = about.get(name);
      if (list === undefined) about.set(name, [one]);
      else list.push(one);
    }
    for (const mapping of output.mappings) {
      const object = candidates.get(fullName(mapping));
      if (object === undefined || object === null) continue;
      this.#mappings.set(object, { mapping, findings: about.get(fullName(mapping)) ?? [] });
    }
  }
}

/** Without a namespace a resource counts as one of `default`. */
function fullName({ source }: Named): string {
  return `${source.namespace ?? 'default'}/${source.name}`;
}

function isSameList<T>(a: readonly T[] | null, b: readonly T[]): boolean {
  return a !== null && a.length === b.length && a.every((item, index) => item === b[index]);
}
