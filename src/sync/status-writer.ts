/**
 * Writes conditions into the status of resources: only our own entries, only what differs from what is
 * there, never over a newer version of the object.
 */
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import type { WantedCondition } from './conditions.ts';
import { isRecord } from '../resources/record.ts';
import type { StatusShape } from './status-shape.ts';

export type StatusTarget = {
  /** API path of the object, without `/status`. */
  readonly path: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
  /** Of the version that was built. */
  readonly generation: number | null;
  /** As it is in the cluster now. */
  readonly status: unknown;
  readonly shape: StatusShape;
};

export type StatusReport = { readonly written: number; readonly failed: number };

/** Several at a time; the API server shares its time out among its clients by itself. */
const CONCURRENT = 8;
const FIELD_MANAGER = 'portolan';

export class StatusWriter {
  readonly #api: KubernetesApi;
  readonly #now: () => Date;

  constructor(api: KubernetesApi, now: () => Date) {
    this.#api = api;
    this.#now = now;
  }

  /** @param mayWrite asked before each write: who is no leader any more stops */
  async write(
    wanted: readonly { readonly target: StatusTarget; readonly conditions: readonly WantedCondition[] }[],
    options: { readonly mayWrite: () => boolean; readonly onFailed: (target: StatusTarget, message: string) => void },
  ): Promise<StatusReport> {
    const queue = wanted.flatMap(({ target, conditions }) => {
      const status = this.#statusOf(target, conditions);
      return status === null ? [] : [{ target, status }];
    });
    const report = { written: 0, failed: 0 };
    const work = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined && options.mayWrite(); next = queue.shift()) {
        try {
          if (await this.#patch(next.target, next.status)) report.written += 1;
        } catch (error) {
          report.failed += 1;
          options.onFailed(next.target, error instanceof Error ? error.message : String(error));
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT }, work));
    return report;
  }

  /** null: what is there says the same. */
  #statusOf(target: StatusTarget, conditions: readonly WantedCondition[]): object | null {
    if (target.shape === 'none') return null;
    return target.shape === 'conditions' ? this.#conditionsOf(target, conditions) : stateOf(target, conditions);
  }

  #conditionsOf({ status, generation }: StatusTarget, wanted: readonly WantedCondition[]): object | null {
    const present = new Map(conditionsIn(status).map((condition) => [condition['type'], condition]));
    const now = this.#now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');
    let differs = false;
    const conditions = wanted.map((condition) => {
      const before = present.get(condition.type);
      const written = { ...condition, ...(generation !== null && { observedGeneration: generation }) };
      const isSame = Object.entries(written).every(([name, value]) => before?.[name] === value);
      differs ||= !isSame;
      const since = before?.['lastTransitionTime'];
      const kept = before?.['status'] === condition.status && typeof since === 'string';
      return { ...written, lastTransitionTime: kept ? since : now };
    });
    return differs ? { conditions } : null;
  }

  /**
   * By server-side apply: conditions of other writers are no concern of it. The uid keeps it from an
   * object of the same name that was created meanwhile. False: the object is gone.
   */
  async #patch({ path, apiVersion, kind, namespace, name, uid }: StatusTarget, status: object): Promise<boolean> {
    const metadata = { name, ...(namespace !== null && { namespace }), uid };
    try {
      await this.#api.request({
        method: 'PATCH',
        path: `${path}/status`,
        query: { fieldManager: FIELD_MANAGER, force: 'true' },
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion, kind, metadata, status },
      });
      return true;
    } catch (error) {
      // Deleted, or replaced by another object of its name: the watch will tell.
      if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return false;
      throw error;
    }
  }
}

/** The form of Ambassador's own CRD. */
function stateOf({ status }: StatusTarget, conditions: readonly WantedCondition[]): object | null {
  const isGood = conditions.every((condition) => condition.status === 'True');
  const problem = conditions.find((condition) => condition.status !== 'True');
  const wanted = { state: isGood ? 'Running' : 'Inactive', reason: problem?.message ?? '' };
  const present = isRecord(status) ? status : {};
  const isSame = present['state'] === wanted.state && (present['reason'] ?? '') === wanted.reason;
  return isSame ? null : wanted;
}

function conditionsIn(status: unknown): readonly Readonly<Record<string, unknown>>[] {
  const conditions = isRecord(status) ? status['conditions'] : undefined;
  return Array.isArray(conditions) ? conditions.filter(isRecord) : [];
}
