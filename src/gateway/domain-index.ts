/** From a hostname to its one domain, and from there to the tables whose hostname restriction holds. */
import type { GatewaySettings, HostPattern } from '../model/route-model.ts';
import type { CompiledDomain, CompiledHostname, CompiledRegex, TableRef } from '../program/route-program.ts';
import { HostIndex } from './host-index.ts';
import { regexMatches } from './regex.ts';

export type SelectedDomain = { readonly domain: CompiledDomain; readonly tableIds: readonly string[] };

type TableSelector = {
  readonly always: readonly string[];
  readonly byPattern: HostIndex<string>;
  readonly byRegex: readonly { readonly id: string; readonly regex: CompiledRegex }[];
};

export class DomainIndex {
  readonly #strict: boolean;
  readonly #domains = new HostIndex<CompiledDomain>();
  /** Built for a domain when it is first asked for. */
  readonly #selectors = new WeakMap<CompiledDomain, TableSelector>();

  constructor(domains: readonly CompiledDomain[], hostPort: GatewaySettings['hostPort']) {
    this.#strict = hostPort === 'strict';
    for (const domain of domains) this.#domains.add(this.#pattern(domain.hostname), domain);
  }

  /** The text that host patterns are compared with. */
  hostOf(hostname: string, authority: string): string {
    return this.#strict ? authority : hostname;
  }

  /** null: no domain serves this host. */
  select(host: string): SelectedDomain | null {
    const domain = this.#domains.best(host);
    if (domain === null) return null;
    const { always, byPattern, byRegex } = this.#selectorOf(domain);
    const tableIds = [...always, ...byPattern.all(host)];
    for (const { id, regex } of byRegex) if (regexMatches(regex, host)) tableIds.push(id);
    return { domain, tableIds };
  }

  #selectorOf(domain: CompiledDomain): TableSelector {
    let selector = this.#selectors.get(domain);
    if (selector === undefined) {
      selector = this.#buildSelector(domain.tables);
      this.#selectors.set(domain, selector);
    }
    return selector;
  }

  #buildSelector(tables: readonly TableRef[]): TableSelector {
    const always: string[] = [];
    const byPattern = new HostIndex<string>();
    const byRegex: { id: string; regex: CompiledRegex }[] = [];
    for (const { id, hostname } of tables) {
      if (hostname === null) always.push(id);
      else if (typeof hostname === 'string') byPattern.add(this.#pattern(hostname), id);
      else byRegex.push({ id, regex: hostname.regex });
    }
    return { always, byPattern, byRegex };
  }

  /** With `hostPort: strip` a pattern matches by its name part, as the request does. */
  #pattern(pattern: HostPattern): HostPattern {
    return this.#strict ? pattern : pattern.replace(/:\d+$/, '');
  }
}

export function describeHostname(hostname: CompiledHostname): string {
  if (hostname === null) return '*';
  return typeof hostname === 'string' ? hostname : `regex ${hostname.regex.source}`;
}
