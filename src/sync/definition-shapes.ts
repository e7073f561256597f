/** Shapes of the statuses of served kinds, from their definitions, read again now and then. */
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import type { Clock } from './clock.ts';
import { statusShapeOf, type StatusShape } from './status-shape.ts';
import type { ServedKind } from './watched-kinds.ts';

const KEEP_MS = 60_000;
/** After a refusal that passes. Asked once for each object of a kind, so not at once. */
const RETRY_MS = 5_000;

export function definitionShapes(
  api: KubernetesApi,
  clock: Clock,
  onProblem: (message: string) => void,
): (served: ServedKind) => Promise<StatusShape> {
  const passing = new Set<string>();
  const known = new Map<string, { readonly atMs: number; readonly shape: Promise<StatusShape> }>();

  async function read(served: ServedKind): Promise<StatusShape> {
    const { group, plural, version } = served;
    const name = `${plural}.${group}`;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
    try {
      return statusShapeOf(await api.request({ method: 'GET', path }), version);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      onProblem(`no status is written to ${plural}: their definition cannot be read: ${error.message}`);
      if (error.status !== 403 && error.status !== 404) passing.add(keyOf(served));
      return 'none';
    }
  }

  return (served) => {
    const key = keyOf(served);
    const before = known.get(key);
    const keepMs = passing.has(key) ? RETRY_MS : KEEP_MS;
    if (before !== undefined && clock.nowMs() - before.atMs < keepMs) return before.shape;
    passing.delete(key);
    const shape = read(served);
    known.set(key, { atMs: clock.nowMs(), shape });
    shape.catch(() => known.delete(key));
    return shape;
  };
}

function keyOf({ group, version, plural }: ServedKind): string {
  return `${group}/${version}/${plural}`;
}
