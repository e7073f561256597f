/** Kubernetes Events for resources that are refused: what `kubectl describe` shows to whoever wrote them. */
import { createHash } from 'node:crypto';
import { ApiError, type KubernetesApi } from './kubernetes-api.ts';
import type { WantedCondition } from './conditions.ts';

export type EventSubject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly uid: string;
};

/** The API's own limit on `note`. Characters. */
const MAX_NOTE = 1_024;

export class ResourceEvents {
  readonly #api: KubernetesApi;
  readonly #now: () => Date;
  readonly #identity: string;
  /** What was said last about each object, by uid: said again only when it changes. */
  readonly #said = new Map<string, string>();

  constructor(api: KubernetesApi, { identity, now }: { readonly identity: string; readonly now: () => Date }) {
    this.#api = api;
    this.#identity = identity;
    this.#now = now;
  }

  /** Whether the subject's conditions ask for an event that was not sent yet; remembers them either way. */
  async tell(subject: EventSubject, conditions: readonly WantedCondition[]): Promise<boolean> {
    const problem = conditions.find(({ status }) => status === 'False');
    const text = problem === undefined ? '' : `${problem.reason}\n${problem.message}`;
    const before = this.#said.get(subject.uid) ?? '';
    if (text === before) return false;
    this.#said.set(subject.uid, text);
    if (problem === undefined) return false;
    await this.#send(subject, problem, text);
    return true;
  }

  /** Forgets objects that are gone. */
  keep(uids: ReadonlySet<string>): void {
    for (const uid of this.#said.keys()) if (!uids.has(uid)) this.#said.delete(uid);
  }

  async #send(subject: EventSubject, { reason, message }: WantedCondition, text: string): Promise<void> {
    const { apiVersion, kind, name, uid } = subject;
    const namespace = subject.namespace ?? 'default';
    // The same problem of the same object has one name, so that a restart does not say it twice.
    const hash = createHash('sha256').update(`${uid}\n${text}`).digest('hex').slice(0, 16);
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${hash}`, namespace },
      eventTime: this.#now().toISOString().replace('Z', '000Z'),
      type: 'Warning',
      reason,
      action: 'Compile',
      note: message.length > MAX_NOTE ? `${message.slice(0, MAX_NOTE - 1)}…` : message,
      regarding: { apiVersion, kind, namespace, name, uid },
      reportingController: 'portolan.dev/sync',
      reportingInstance: this.#identity.slice(0, 128),
    };
    const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`;
    try {
      await this.#api.request({ method: 'POST', path, body: event });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  }
}
