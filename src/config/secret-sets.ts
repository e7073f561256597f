/** Secrets whose keys routes of the configuration accept. */
import type { Json, PolicyUse } from '../model/route-model.ts';

/** Names of sets, as `api-key` of the kind `secret-set` lists them, wherever a policy uses the method. */
export function secretSetsIn(policies: readonly Pick<PolicyUse, 'options'>[]): readonly string[] {
  const sets: string[] = [];
  const visit = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('kind' in value && value.kind === 'secret-set' && Array.isArray(value.sets))
      for (const set of value.sets) if (typeof set === 'string') sets.push(set);
    for (const inner of Object.values(value)) visit(inner);
  };
  for (const { options } of policies) visit(options);
  return [...new Set(sets)];
}
