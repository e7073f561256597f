/** `backend`, `backends` and `upstreams`: from their authored forms to services. */
import type { CheckedBackend, RouteFields } from './portolan-config.ts';
import { problem, type Problem } from './problems.ts';
import { parseBackend } from './service.ts';
import { nearest } from '../diagnostics/nearest.ts';

/** null: declared, but unusable and reported where it is declared. */
export type DeclaredUpstreams = ReadonlyMap<string, ServiceFields | null>;

export type ServiceFields = {
  readonly service: string;
  readonly scheme?: 'http' | 'https';
  readonly clusters?: readonly string[];
};

type BackendFields = Partial<ServiceFields> & { readonly upstream?: string; readonly weight?: number };
type Names = { readonly upstreams: DeclaredUpstreams; readonly clusters: ReadonlySet<string> };

export function readBackends(
  route: RouteFields,
  names: Names,
  lineOf: (field: string) => number | null,
): { readonly backends: readonly CheckedBackend[]; readonly problems: readonly Problem[] } {
  const backends: CheckedBackend[] = [];
  const problems: Problem[] = [];
  for (const { fields, at } of writtenBackends(route)) {
    const read = readBackend(fields, at, names);
    if ('code' in read) {
      problems.push(read);
      continue;
    }
    const { path, key } = placeOf(at, fields);
    backends.push({ ...read, service: { ...read.service, at: { path, line: lineOf(key) } } });
  }
  return { backends, problems };
}

/** A service as declared under `upstreams`, or as a backend writes it. `at` is where. */
export function readService(
  fields: ServiceFields,
  at: readonly PropertyKey[],
  clusters: ReadonlySet<string>,
): Omit<CheckedBackend, 'weight'> | Problem {
  const wanted = fields.clusters ?? [];
  const missing = wanted.findIndex((name) => !clusters.has(name));
  if (missing !== -1) {
    return problem(
      [...at, 'clusters', missing],
      `There is no cluster \`${wanted[missing] ?? ''}\`.`,
      hintFor(wanted[missing] ?? '', [...clusters], 'cluster'),
    );
  }
  const parsed = parseBackend(fields.service, fields.scheme, wanted);
  return parsed.ok ? { service: parsed.service, external: parsed.external } : problem(at, parsed.message, parsed.hint);
}

type Written = { readonly fields: BackendFields; readonly at: readonly PropertyKey[] };

function writtenBackends(route: RouteFields): readonly Written[] {
  const { backend, backends } = route;
  if (backend !== undefined) {
    return [{ fields: typeof backend === 'string' ? { service: backend } : backend, at: ['backend'] }];
  }
  return (backends ?? []).map((fields, index) => ({ fields, at: ['backends', index] }));
}

function readBackend(fields: BackendFields, at: readonly PropertyKey[], names: Names): CheckedBackend | Problem {
  const { service, upstream, weight = 1 } = fields;
  if (upstream === undefined) {
    if (service === undefined) {
      return problem(at, 'The backend names neither a `service` nor an `upstream`.', 'Add one of the two.');
    }
    const read = readService({ ...fields, service }, at, names.clusters);
    return 'code' in read ? read : { ...read, weight };
  }
  if (service !== undefined || fields.scheme !== undefined || fields.clusters !== undefined) {
    return problem(
      at,
      'A backend that names an `upstream` says nothing else about the service.',
      'Write it under `upstreams`.',
    );
  }
  const declared = names.upstreams.get(upstream);
  if (declared === undefined) {
    return problem(
      [...at, 'upstream'],
      `There is no upstream \`${upstream}\`.`,
      hintFor(upstream, [...names.upstreams.keys()], 'upstream'),
    );
  }
  const read = declared === null ? null : readService(declared, at, names.clusters);
  if (read === null || 'code' in read) {
    return problem([...at, 'upstream'], `The upstream \`${upstream}\` is not usable; see the error about it.`);
  }
  return { ...read, weight };
}

/** Field that a later finding about this backend points to. */
function placeOf(at: readonly PropertyKey[], fields: BackendFields): { readonly path: string; readonly key: string } {
  const [list, index] = at;
  const place = index === undefined ? String(list) : `${String(list)}[${String(index)}]`;
  return { path: fields.upstream === undefined ? place : `${place}.upstream`, key: String(list) };
}

function hintFor(name: string, known: readonly string[], what: string): string {
  const near = nearest(name, known);
  if (near !== null) return `Did you mean \`${near}\`?`;
  return known.length === 0 ? `No ${what} is declared under \`${what}s\`.` : `Declared: ${known.join(', ')}.`;
}

/** Entry of `upstreams`, both of its forms as one. */
export function serviceFields(value: string | ServiceFields): ServiceFields {
  return typeof value === 'string' ? { service: value } : value;
}
