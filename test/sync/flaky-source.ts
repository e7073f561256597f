/** The objects of one kind as an API server has them, and a port to them that fails in every way a watch can. */
import { ApiError, ApiUnreachable } from '../../src/sync/kubernetes-api.ts';
import type { ListWatch, RawObject } from '../../src/sync/reflector.ts';

type Event = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: RawObject; readonly version: number };

export const FAULTS = [
  'drop',
  'end',
  'duplicate',
  'reorder',
  'lose tail',
  'error event',
  'odd event',
  'expired',
  'throttled',
  'server error',
  'unauthorized',
  'empty list',
  'bookmark',
] as const;
export type Fault = (typeof FAULTS)[number];

const STATUSES: Readonly<Record<string, number>> = {
  expired: 410,
  throttled: 429,
  unauthorized: 401,
  'not found': 404,
  conflict: 409,
};

/** A server ends every watch by then. */
const WATCH_MS = 300_000;

export class FlakySource implements ListWatch {
  readonly objects = new Map<string, RawObject>();
  readonly seen = new Map<Fault, number>();
  /** Chance of a fault at each step, in [0, 1]. */
  faultiness = 0;
  /** Edits go on while a list is on its way. */
  duringList = (): void => this.edit();
  readonly #random: () => number;
  #history: Event[] = [];
  #version = 100;
  /** Watches from before this version are refused. */
  #compacted = 100;
  #wake = new Set<() => void>();

  readonly #nowMs: () => number;

  constructor(random: () => number, nowMs: () => number) {
    this.#random = random;
    this.#nowMs = nowMs;
  }

  /** Creates, changes or deletes one of a few objects. */
  edit(): void {
    const name = `o-${Math.floor(this.#random() * 12)}`;
    const isThere = this.objects.has(`n/${name}`);
    this.#version += Math.floor(this.#random() * 3);
    if (isThere && this.#random() < 0.4) this.delete(name);
    else this.put(name, { value: this.#version });
  }

  put(name: string, spec: unknown): void {
    const before = this.objects.get(`n/${name}`);
    this.#version += 1;
    const uid = before === undefined ? `uid-${this.#version}` : uidOf(before);
    const metadata = { name, namespace: 'n', uid, generation: this.#version, resourceVersion: String(this.#version) };
    const object = { ...before, metadata, spec };
    this.objects.set(`n/${name}`, object);
    this.#record(before === undefined ? 'ADDED' : 'MODIFIED', object);
  }

  /** As the subresource of it: everything else stays, `generation` too. */
  putStatus(name: string, status: unknown): void {
    const before = this.objects.get(`n/${name}`);
    if (before === undefined) throw errorOf('not found');
    this.#version += 1;
    const metadata = { ...(before['metadata'] as object), resourceVersion: String(this.#version) };
    const object = { ...before, metadata, status };
    this.objects.set(`n/${name}`, object);
    this.#record('MODIFIED', object);
  }

  delete(name: string): void {
    const before = this.objects.get(`n/${name}`);
    if (before === undefined) return;
    this.#version += 1;
    this.objects.delete(`n/${name}`);
    const metadata = { ...(before['metadata'] as object), resourceVersion: String(this.#version) };
    this.#record('DELETED', { ...before, metadata });
  }

  compact(): void {
    this.#compacted = this.#version;
    this.#history = [];
  }

  async list(): Promise<{ items: readonly unknown[]; resourceVersion: string }> {
    const fault = this.#draw(['throttled', 'server error', 'unauthorized', 'drop', 'empty list']);
    if (fault !== null && fault !== 'empty list') throw errorOf(fault);
    const items = fault === 'empty list' ? [] : structuredClone([...this.objects.values()]);
    const resourceVersion = String(this.#version);
    if (this.#random() < this.faultiness) this.duringList();
    await Promise.resolve();
    return { items, resourceVersion };
  }

  async *watch(from: string, signal: AbortSignal): AsyncGenerator {
    const refused = this.#draw(['expired', 'throttled', 'server error', 'unauthorized']);
    if (refused !== null) throw errorOf(refused);
    if (Number(from) < this.#compacted) throw errorOf('expired');
    let at = Number(from);
    const endsMs = this.#nowMs() + WATCH_MS;
    while (!signal.aborted) {
      // What lies between is gone: going on would lose it without a trace.
      if (at < this.#compacted) return;
      const pending = this.#history.filter(({ version }) => version > at);
      const fault = this.#draw([
        'drop',
        'end',
        'duplicate',
        'reorder',
        'lose tail',
        'error event',
        'odd event',
        'bookmark',
      ]);
      if (fault === 'end') return;
      if (fault === 'drop' || fault === 'lose tail') {
        // What was seen was seen in order; the rest never arrived.
        if (fault === 'lose tail') yield* pending.slice(0, Math.ceil(pending.length / 2)).map(toJson);
        throw new ApiUnreachable('dropped');
      }
      if (fault === 'error event') yield { type: 'ERROR', object: { code: 410, message: 'too old' } };
      if (fault === 'odd event') yield { type: 'SURPRISE', object: { metadata: {} } };
      if (fault === 'bookmark') yield { type: 'BOOKMARK', object: { metadata: { resourceVersion: String(at) } } };
      const events = fault === 'reorder' ? pending.toReversed() : pending;
      for (const event of events) {
        yield toJson(event);
        if (fault === 'duplicate') yield toJson(event);
      }
      at = pending.at(-1)?.version ?? at;
      if (pending.length === 0) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            signal.removeEventListener('abort', wake);
            resolve();
          };
          this.#wake.add(wake);
          signal.addEventListener('abort', wake);
        });
        if (this.#nowMs() >= endsMs) return;
      }
    }
  }

  /** Lets idle watches look again, also when nothing changed: time has passed. */
  stir(): void {
    const waiting = this.#wake;
    this.#wake = new Set();
    for (const wake of waiting) wake();
  }

  #draw<Some extends Fault>(among: readonly Some[]): Some | null {
    if (this.#random() >= this.faultiness) return null;
    const fault = among[Math.floor(this.#random() * among.length)] ?? null;
    if (fault !== null) this.seen.set(fault, (this.seen.get(fault) ?? 0) + 1);
    return fault;
  }

  #record(type: Event['type'], object: RawObject): void {
    this.#history.push({ type, object, version: this.#version });
    this.stir();
  }
}

function toJson({ type, object }: Event): unknown {
  return structuredClone({ type, object });
}

function uidOf({ metadata }: RawObject): string {
  return (metadata as { uid: string }).uid;
}

export function errorOf(fault: Fault | 'not found' | 'conflict'): Error {
  if (fault === 'drop') return new ApiUnreachable('dropped');
  const status = STATUSES[fault] ?? 500;
  return new ApiError(fault, { status, reason: null, retryAfterMs: fault === 'throttled' ? 1_000 : null });
}
