/** Header changes of a route or backend, prepared once and applied per request: removed, then set, then added. */
import type { HeaderMutations } from '../../model/route-model.ts';
import { parseHeaderTemplate, type HeaderTemplate, type TemplateContext } from './header-template.ts';

export type HeaderChange = (headers: Headers, context: TemplateContext) => void;

type Prepared = { readonly name: string; readonly value: HeaderTemplate };

/** null: nothing to change. */
export function prepareMutations(...mutations: readonly (HeaderMutations | undefined)[]): HeaderChange | null {
  const changes = mutations
    .filter((each) => each !== undefined)
    .map(prepare)
    .filter((change) => change !== null);
  const [first] = changes;
  if (first === undefined) return null;
  if (changes.length === 1) return first;
  return (headers, context) => {
    for (const change of changes) change(headers, context);
  };
}

function prepare(mutations: HeaderMutations): HeaderChange | null {
  const remove = mutations.remove.filter(isMutable);
  const set = prepareValues(mutations.set);
  const add = prepareValues(mutations.add);
  if (remove.length + set.length + add.length === 0) return null;
  return (headers, context) => {
    for (const name of remove) headers.delete(name);
    for (const { name, value } of set) headers.set(name, value(context));
    for (const { name, value } of add) headers.append(name, value(context));
  };
}

function prepareValues(values: HeaderMutations['set']): readonly Prepared[] {
  return values
    .filter(({ name }) => isMutable(name))
    .map(({ name, value }) => ({ name, value: parseHeaderTemplate(value) }));
}

/**
 * Host is chosen by the backend's `host` and pseudo-headers by rewriting; Envoy refuses both here too.
 * A name that is not a token would make Headers throw on every request.
 */
function isMutable(name: string): boolean {
  return name.toLowerCase() !== 'host' && /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
}
