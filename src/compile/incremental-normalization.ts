/**
 * Normalising again only the Mappings that changed. A Mapping's normal form depends on nothing but the
 * Mapping and the options; every other kind is few, and some of them are merged, so they are always
 * normalised together.
 */
import type { Finding, Report, SourceRef } from '../diagnostics/finding.ts';
import { keyOf } from './key-order.ts';

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

export class IncrementalNormalization<Item extends NormalizationItem, Output extends NormalizationOutput> {
  #known = new WeakMap<Item, Known<Output>>();
  #options = '';

  /** `options`: text that differs whenever the normal form could. */
  normalize(objects: readonly Item[], options: string, normalize: Normalize<Item, Output>, report: Report): Output {
    if (options !== this.#options) this.#known = new WeakMap();
    this.#options = options;

    const mappings: Output['mappings'][number][] = [];
    const fresh: Item[] = [];
    for (const object of objects) {
      const known = this.#known.get(object);
      if (known === undefined) {
        fresh.push(object);
        continue;
      }
      mappings.push(known.mapping);
      for (const finding of known.findings) report(finding);
    }
    const findings: Finding[] = [];
    const output = normalize(fresh, (finding) => findings.push(finding));
    for (const finding of findings) report(finding);
    this.#remember(fresh, output, findings);
    return { ...output, mappings: [...mappings, ...output.mappings] };
  }

  /** Only what is one Mapping by itself: not one left out, and not one of several with its name. */
  #remember(objects: readonly Item[], output: Output, findings: readonly Finding[]): void {
    const candidates = new Map<string, Item | null>();
    for (const object of objects) {
      const key = keyOf(object.source);
      candidates.set(key, candidates.has(key) || object.kind !== 'Mapping' ? null : object);
    }
    const about = new Map<string, Finding[]>();
    for (const finding of findings) {
      if (finding.source === null) continue;
      const key = keyOf(finding.source);
      const list = about.get(key);
      if (list === undefined) about.set(key, [finding]);
      else list.push(finding);
    }
    for (const mapping of output.mappings) {
      const key = keyOf(mapping.source);
      const object = candidates.get(key);
      if (object !== undefined && object !== null) this.#known.set(object, { mapping, findings: about.get(key) ?? [] });
    }
  }
}
