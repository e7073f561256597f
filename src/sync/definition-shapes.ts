/** Shapes of the statuses of served kinds, from their definitions, read again now and then. */
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import type { Clock } from './clock.ts';
import { statusShapeOf, type StatusShape } from './status-shape.ts';
import type { ServedKind } from './watched-kinds.ts';

const KEEP_MS = 60_000;

export function definitionShapes(
  api: KubernetesApi,
  clock: Clock,
  onProblem: (message: string) => void,
): (served: ServedKind) => Promise<StatusShape> {
  const known = new Map<string, { readonly atMs: number; readonly shape: Promise<StatusShape> }>();

  async function read({ group, plural, version }: ServedKind): Promise<StatusShape> {
    const name = `${plural}.${group}`;
    const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
    try {
      return statusShapeOf(await api.request({ method: 'GET', path }), version);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      onProblem(`no status is written to ${plural}: their definition cannot be read: ${error.message}`);
      return 'none';
    }
  }

  return (served) => {
    const key = `${served.group}/${served.version}/${served.plural}`;
    const before = known.get(key);
    if (before !== undefined && clock.nowMs() - before.atMs < KEEP_MS) return before.shape;
    const shape = read(served);
    known.set(key, { atMs: clock.nowMs(), shape });
    shape.catch(() => known.delete(key));
    return shape;
  };
}
