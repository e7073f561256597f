/** A loaded program as the request path sees it: one version, from the first look-up of a request to its last. */
import { comparedName, createDomainLookup } from '../program/domain-lookup.ts';
import type { CompiledDomain, ProgramSettings, RouteProgram } from '../program/route-program.ts';
import { createMatcher, judgeCandidates, type Candidate, type JudgedTable, type Matcher } from './matcher.ts';
import type { MatchFacts } from './predicates.ts';
import { RouteTable } from './route-table.ts';
import { describeHostname, selectTables } from './table-selector.ts';

/** What serves one hostname. */
export type Site = { readonly domain: CompiledDomain; readonly matcher: Matcher };

export interface ProgramView {
  readonly version: string;
  readonly settings: ProgramSettings;
  /**
   * The domain of a request and the matcher over the tables its hostname selects; null: no domain
   * serves this host. A promise only while parts of the program are still to be loaded; it rejects
   * with GatewayError 503 `program-incomplete` when they cannot be.
   * @param hostname lower case, without port
   * @param authority lower case Host header
   */
  find(hostname: string, authority: string): Site | null | Promise<Site | null>;
}

export interface MemoryView extends ProgramView {
  find(hostname: string, authority: string): Site | null;
  /** Every match of the request's domain in the order tried, with what kept it from matching; null: no domain. */
  judge(facts: MatchFacts & { readonly hostname: string }, random: number): readonly Candidate[] | null;
}

/** Hostnames whose selection is remembered. Wildcard domains make their number the client's choice, hence a bound. */
const REMEMBERED_SITES = 2048;

/**
 * A view over a whole program in memory: explain, tests, benchmarks. Tables are indexed when first
 * needed. `packed` holds routes as the Worker holds those of large programs; matches are then copies
 * of the program's routes, not the same objects.
 */
export function createMemoryView(program: RouteProgram, version: string, { packed = false } = {}): MemoryView {
  const { settings } = program;
  const { hostPort } = settings;
  const domains = createDomainLookup(program.domains, hostPort);
  const tables = new Map<string, RouteTable>();
  const sites = new SiteCache();
  const tableOf = (id: string): RouteTable => {
    let table = tables.get(id);
    if (table === undefined) {
      table = new RouteTable(program.tables[id] ?? [], { packed });
      tables.set(id, table);
    }
    return table;
  };
  return {
    version,
    settings,
    find: (hostname, authority) => {
      const host = comparedName({ hostname, authority }, hostPort);
      const known = sites.get(host);
      if (known !== undefined) return known;
      const domain = domains.find(host);
      if (domain === null) return null;
      const selected = selectTables(domain, host, hostPort).map(({ id }) => tableOf(id));
      return sites.set(host, { domain, matcher: createMatcher(selected) });
    },
    judge: (facts, random) => {
      const host = comparedName(facts, hostPort);
      const domain = domains.find(host);
      if (domain === null) return null;
      const chosen = new Set(selectTables(domain, host, hostPort).map(({ id }) => id));
      const judged: readonly JudgedTable[] = domain.tables.map(({ id, hostname }) => ({
        routes: program.tables[id] ?? [],
        hostnameMiss: chosen.has(id)
          ? null
          : { failed: 'hostname', expected: describeHostname(hostname), actual: host },
      }));
      return judgeCandidates(judged, facts, random);
    },
  };
}

/** Host → site. Emptied when full: a flood of made-up names costs look-ups, not memory. */
export class SiteCache {
  readonly #sites = new Map<string, Site>();

  get(host: string): Site | undefined {
    return this.#sites.get(host);
  }

  set(host: string, site: Site): Site {
    if (this.#sites.size >= REMEMBERED_SITES) this.#sites.clear();
    this.#sites.set(host, site);
    return site;
  }

  hosts(): readonly string[] {
    return [...this.#sites.keys()];
  }
}
