/** What limits must know of a request, hence what a log has to say. */
import type { CompiledKeyPart, CompiledLimit, CompiledRateLimit } from '../policies/rate-limit/compiled.ts';
import type { AccessEntry } from './entry.ts';

export type LogNeeds = {
  /** `header:NAME` and `claim:NAME`. */
  readonly wanted: readonly string[];
  /** Without an address a line is of no use. */
  readonly address: boolean;
  /** Everything that some limit looks at, by the name of `--field`. */
  readonly names: readonly string[];
};

export function needsOf(config: CompiledRateLimit): LogNeeds {
  const limits = limitsOf(config);
  const names = new Set(limits.flatMap(namesOf));
  if (config.plans?.claim !== undefined) names.add(`claim:${config.plans.claim.join('.')}`);
  return {
    wanted: [...names].filter((name) => name.startsWith('header:') || name.startsWith('claim:')),
    address: names.has('address'),
    names: [...names],
  };
}

export function limitsOf({ limits, groups = [], plans }: CompiledRateLimit): readonly CompiledLimit[] {
  return [...limits, ...groups.flat(), ...Object.values(plans?.byName ?? {}).flat()];
}

export function tells(entry: AccessEntry, name: string): boolean {
  switch (name) {
    case 'path':
      return entry.target !== null;
    case 'api-key':
      return entry.apiKey !== null;
    case 'duration':
      return entry.durationMs !== null;
    case 'address':
    case 'method':
    case 'host':
    case 'consumer':
    case 'country':
    case 'route':
      return entry[name] !== null;
    default:
      return entry.others[name] !== undefined;
  }
}

function namesOf({ limit, key = [{ from: 'address' }], missing, pattern, if: conditions = [], cost }: CompiledLimit) {
  const parts = [...key, ...conditions.map(({ part }) => part)];
  return [
    ...parts.flatMap(nameOf),
    ...(missing === undefined || missing === 'address' ? ['address'] : []),
    ...(pattern === undefined ? [] : ['path']),
    ...(cost?.header === undefined ? [] : [`header:${cost.header.toLowerCase()}`]),
    ...(limit.algorithm === 'concurrency' ? ['duration'] : []),
  ];
}

function nameOf(part: CompiledKeyPart): readonly string[] {
  switch (part.from) {
    case 'constant':
      return [];
    case 'header':
      return [`header:${part.name.toLowerCase()}`];
    case 'cookie':
      return ['header:cookie'];
    case 'claim':
      return [`claim:${part.path.join('.')}`];
    case 'query':
      return ['path'];
    case 'authority':
      return ['host'];
    default:
      return [part.from];
  }
}
