/**
 * How secrets reach the edge processes: as variables of their environment, which only their owner can
 * read. A configuration names the variable and never holds the value.
 */
export const SECRET_VARIABLE_PREFIX = 'PORTOLAN_SECRET_';

export type SecretVariable = { readonly binding: string; readonly variable: string };

/** @param secrets by name, in capitals, digits and `_` */
export function secretVariables(secrets: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(secrets).map(([name, value]) => [SECRET_VARIABLE_PREFIX + name, value]));
}

export function secretBindings(secrets: Readonly<Record<string, string>>): readonly SecretVariable[] {
  return Object.keys(secrets)
    .toSorted()
    .map((name) => ({ binding: `SECRET_${name}`, variable: SECRET_VARIABLE_PREFIX + name }));
}
