/**
 * Which Hosts a Mapping attaches to. A Host with a selector takes the Mappings it selects (and, where
 * they name a hostname, whose hostname fits); a Host without one takes Mappings whose hostname fits.
 */
import { hostPatternProblem, hostPatternsOverlap } from '../../model/hostname.ts';
import { DEFAULT_DOMAIN, type LinkedHost } from './hosts.ts';
import { hasAllLabels } from './listeners.ts';
import type { MappingHost } from './matchers.ts';
import { listNames, nameOf } from './report-at.ts';
import type { AmbassadorOptions } from './types.ts';

export type Labels = Readonly<Record<string, string>>;

export type Attachment = {
  /** Ids of domains. The same list is shared by all Mappings that attach alike. */
  readonly domains: readonly string[];
  /** `unclaimed`: no Host took it, so it serves the hostnames that no Host claims. `dead`: it serves nothing. */
  readonly state: 'attached' | 'unclaimed' | 'dead';
  /** For `unclaimed` and `dead`: why, as a sentence. */
  readonly reason: string;
};

export interface HostAssociation {
  attach(host: MappingHost | null, labels: Labels): Attachment;
  /** The Host selectors that take these labels, as text: they divide Mappings without hostname into groups. */
  selectorText(labels: Labels): string;
}

/**
 * Answers are remembered by hostname and by those labels that some selector names, so that thousands of
 * Mappings and Hosts meet in a few look-ups each.
 */
export function createHostAssociation(hosts: readonly LinkedHost[], options: AmbassadorOptions): HostAssociation {
  const index = indexHosts(hosts);
  const select = memoize((labels: Labels) => selectedHosts(hosts, labels, options.looseLabelSelectors), index.labelKey);
  const attachments = new Map<string, Attachment>();
  return {
    attach(host, labels) {
      const key = JSON.stringify([host?.pattern ?? null, host?.regex ?? false, index.labelKey(labels)]);
      const known = attachments.get(key);
      if (known !== undefined) return known;
      const attachment = computeAttachment(index, host, select(labels), options);
      attachments.set(key, attachment);
      return attachment;
    },
    selectorText(labels) {
      return JSON.stringify([...select(labels)].map(({ resource }) => resource.spec.mappingSelector));
    },
  };
}

type HostIndex = {
  readonly hosts: readonly LinkedHost[];
  readonly position: ReadonlyMap<LinkedHost, number>;
  readonly claimsAll: LinkedHost | null;
  /** Hosts with a domain whose hostname could be one that the pattern allows. */
  readonly fitting: (pattern: string) => readonly LinkedHost[];
  /** The labels that any selector looks at, as text. */
  readonly labelKey: (labels: Labels) => string;
};

function indexHosts(hosts: readonly LinkedHost[]): HostIndex {
  const serving = hosts.filter(({ domain }) => domain !== null);
  const byHostname = new Map(serving.map((host) => [host.hostname, host]));
  const selectorKeys = new Set(hosts.flatMap(({ resource }) => Object.keys(resource.spec.mappingSelector ?? {})));
  const ordered = [...selectorKeys].toSorted();
  const wildcardLengths = new Set(serving.filter(({ hostname }) => hostname.includes('*')).map(wildcardLength));
  const fitting = memoize((pattern: string) => {
    if (pattern.includes('*')) return serving.filter(({ hostname }) => hostPatternsOverlap(hostname, pattern));
    return patternsOver(pattern, wildcardLengths).flatMap((candidate) => byHostname.get(candidate) ?? []);
  }, String);
  return {
    hosts,
    position: new Map(hosts.map((host, at) => [host, at])),
    claimsAll: byHostname.get('*') ?? null,
    fitting,
    labelKey: (labels) => {
      const seen = ordered.filter((key) => Object.hasOwn(labels, key));
      return seen.length === 0 ? '' : JSON.stringify(seen.map((key) => [key, labels[key]]));
    },
  };
}

function wildcardLength({ hostname }: LinkedHost): number {
  return hostname.length - 1;
}

/** The host patterns over one name: itself, `*`, and a wildcard with each fixed part of a length that occurs. */
function patternsOver(name: string, lengths: ReadonlySet<number>): readonly string[] {
  const patterns = [name];
  for (const length of lengths) {
    // A `*` stands for at least one character.
    if (length === 0) patterns.push('*');
    else if (length < name.length) patterns.push(`*${name.slice(-length)}`, `${name.slice(0, length)}*`);
  }
  return patterns;
}

function selectedHosts(hosts: readonly LinkedHost[], labels: Labels, loose: boolean): ReadonlySet<LinkedHost> {
  const selected = new Set<LinkedHost>();
  for (const host of hosts) {
    const selector = host.resource.spec.mappingSelector;
    if (selector !== null && (loose ? hasAnyLabel(labels, selector) : hasAllLabels(labels, selector))) {
      selected.add(host);
    }
  }
  return selected;
}

/** The rule before Ambassador 3.2: one label of the selector is enough. */
function hasAnyLabel(labels: Labels, wanted: Labels): boolean {
  const entries = Object.entries(wanted);
  return entries.length === 0 || entries.some(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

function computeAttachment(
  index: HostIndex,
  host: MappingHost | null,
  selected: ReadonlySet<LinkedHost>,
  options: AmbassadorOptions,
): Attachment {
  const problem = host === null || host.regex ? null : hostPatternProblem(host.pattern);
  if (problem !== null) return dead(`No request can have the hostname \`${host?.text}\`: ${problem}.`);
  // Without any Host, Ambassador makes one for `*` that takes every Mapping.
  if (index.hosts.length === 0) return { domains: [DEFAULT_DOMAIN], state: 'attached', reason: '' };

  const takers = takingHosts(index, host, selected, options.looseLabelSelectors);
  const domains = takers
    .toSorted((a, b) => (index.position.get(a) ?? 0) - (index.position.get(b) ?? 0))
    .flatMap(({ domain }) => domain?.id ?? []);
  if (domains.length > 0) return { domains, state: 'attached', reason: '' };
  return host === null ? unattached(index, selected, options) : dead(hostnameReason(index, host));
}

function takingHosts(
  index: HostIndex,
  host: MappingHost | null,
  selected: ReadonlySet<LinkedHost>,
  loose: boolean,
): readonly LinkedHost[] {
  if (host === null) return [...selected];
  // A regex is not compared with the Host: every Host could have a hostname that it matches.
  const fitting = host.regex ? index.hosts : index.fitting(host.pattern);
  if (loose) return [...new Set([...fitting, ...selected])];
  return fitting.filter((taker) => taker.resource.spec.mappingSelector === null || selected.has(taker));
}

/** The one deliberate difference: such a Mapping may serve what no Host claims. */
function unattached(index: HostIndex, selected: ReadonlySet<LinkedHost>, options: AmbassadorOptions): Attachment {
  if (selected.size > 0) {
    const names = listNames([...selected].map(({ resource }) => nameOf(resource)));
    return dead(`It is selected only by ${names}, which is not used.`);
  }
  const reason = 'It names no `hostname` and no Host selects it';
  if (options.unattached === 'drop') return dead(`${reason}, so Ambassador attaches it to no Host.`);
  if (index.claimsAll !== null) {
    return dead(`${reason}, and Host ${nameOf(index.claimsAll.resource)} claims every other hostname.`);
  }
  return { domains: [DEFAULT_DOMAIN], state: 'unclaimed', reason: `${reason}.` };
}

function hostnameReason(index: HostIndex, host: MappingHost): string {
  const fitting = host.regex ? index.hosts : index.fitting(host.pattern);
  if (fitting.length === 0) return `Its hostname \`${host.text}\` fits no Host.`;
  const names = listNames(fitting.map(({ resource }) => nameOf(resource)));
  return `Its hostname \`${host.text}\` fits ${names}, but no \`mappingSelector\` of those selects its labels.`;
}

function dead(reason: string): Attachment {
  return { domains: [], state: 'dead', reason };
}

function memoize<In, Out>(compute: (input: In) => Out, keyOf: (input: In) => string): (input: In) => Out {
  const known = new Map<string, Out>();
  return (input) => {
    const key = keyOf(input);
    const value = known.get(key);
    // No computed value is undefined here.
    if (value !== undefined) return value;
    const computed = compute(input);
    known.set(key, computed);
    return computed;
  };
}
