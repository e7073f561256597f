/**
 * Keys of Secrets beside a publish: look at the Secrets before the build, add their keys to the namespace
 * KEYS before the program is live, take back what left them afterwards. What a Secret holds is in memory
 * for as long as one pass lasts, and goes nowhere else.
 */
import { referencedSecrets, type BuildInput } from '../compile/build-program.ts';
import { UserError } from '../diagnostics/errors.ts';
import { finding, type Finding } from '../diagnostics/finding.ts';
import { importPepper } from '../keys/key-names.ts';
import type { KeyStore } from '../keys/key-store.ts';
import { SecretKeyWriter, type WantedSets } from '../keys/secret-key-writer.ts';
import { judgeSecret, type SecretKeyProblem, type SecretObject } from '../keys/secret-set.ts';
import { secretProblem } from '../model/secret-problems.ts';
import {
  secretPlaceOf,
  secretSetName,
  type KnownSecrets,
  type SecretPlace,
  type SecretState,
} from '../model/secret-states.ts';
import type { AcceptedResources } from '../program/accepted.ts';

export type { KnownSecrets };

/** `data` as an API server keeps it. `unread`: it cannot be asked for now. */
export type SecretAnswer = { readonly data: SecretObject['data'] } | 'missing' | 'forbidden' | 'unread';

export interface SecretReader {
  /** One answer for each place, in their order. */
  read(places: readonly SecretPlace[]): Promise<readonly SecretAnswer[]>;
}

/** Where keys are written, or why they cannot be. */
export type KeysPlace =
  | {
      readonly open: () => Promise<{ readonly store: KeyStore; close(): Promise<void> }>;
      /** What the gateway of this place has as its secret KEY_PEPPER. */
      readonly pepper: () => Promise<string>;
    }
  | { readonly unwritable: 'no-pepper' | 'no-namespace' };

export type SecretKeysOptions = {
  readonly place: KeysPlace;
  readonly reader: SecretReader;
  /** Whose Secrets these are: records of other clusters are left alone. null: the one and unnamed. */
  readonly clusters: readonly (string | null)[];
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
};

/** What one look at the Secrets gave. */
export type LookedAt = {
  readonly secrets: KnownSecrets;
  readonly findings: readonly Finding[];
  readonly wanted: WantedSets;
  /** Sets that what was looked at names itself; the others of `wanted` are of what may stand in for it. */
  readonly named: ReadonlySet<string>;
};

export const NOTHING_LOOKED_AT: LookedAt = {
  secrets: { states: {}, others: 'missing' },
  findings: [],
  wanted: new Map(),
  named: new Set(),
};

type LookInput = Pick<BuildInput, 'objects' | 'config' | 'silentClusters'>;

export class SecretKeys {
  readonly #options: SecretKeysOptions;
  #opened: { readonly writer: SecretKeyWriter; close(): Promise<void> } | null = null;

  constructor(options: SecretKeysOptions) {
    this.#options = options;
  }

  /** @param previous what may stand in for broken resources names Secrets too */
  async look(input: LookInput, previous: AcceptedResources): Promise<LookedAt> {
    const { reader } = this.#options;
    const { silentClusters = [] } = input;
    const { byFilters, byConfig } = referencedSecrets(input, previous);
    const places = new Map([...byFilters, ...byConfig].map((place) => [secretSetName(place), place]));
    const asked = [...places.values()].filter(({ cluster }) => cluster === null || !silentClusters.includes(cluster));
    const answers = asked.length === 0 ? [] : await reader.read(asked);
    const states: Record<string, SecretState> = {};
    const wanted = new Map<string, SecretObject | 'gone' | 'unknown'>(
      [...places.keys()].map((set) => [set, 'unknown']),
    );
    const findings: Finding[] = [];
    for (const [index, place] of asked.entries()) {
      const judged = this.#judge(place, answers[index] ?? 'unread');
      states[secretSetName(place)] = judged.state;
      wanted.set(secretSetName(place), judged.wanted);
      findings.push(...judged.findings);
    }
    for (const place of new Map(byConfig.map((one) => [secretSetName(one), one])).values())
      findings.push(...problemOfConfig(place, states[secretSetName(place)] ?? 'unread'));
    return { secrets: { states, others: 'missing' }, findings, wanted, named: setsOf(referencedSecrets(input, {})) };
  }

  /**
   * To be called before the program is live. Throws UserError when the keys cannot be written: then
   * nothing must be published, because routes would refuse keys that are good.
   */
  async add({ wanted }: LookedAt): Promise<number> {
    const writer = await this.#writer(wanted);
    if (writer === null) return 0;
    return writer.add(wanted).catch((error: unknown) => {
      throw new UserError(`nothing was published: the keys of Secrets cannot be written: ${textOf(error)}`);
    });
  }

  /**
   * To be called after the publish, also when that changed nothing. Throws UserError.
   *
   * @param live the resources of the program that is live now: keys of Secrets that none of them names go
   * too. null: what is live was not built from what was looked at, so keys go only where a Secret lost them
   */
  async takeBack({ wanted, named }: LookedAt, live: AcceptedResources | null): Promise<number> {
    const writer = await this.#writer(wanted);
    if (writer === null) return 0;
    const inUse = live === null ? null : setsOf(referencedSecrets({ objects: [], config: null }, live));
    const stay = new Map([...wanted].filter(([set]) => inUse === null || named.has(set) || inUse.has(set)));
    const retires = (set: string): boolean => {
      const place = secretPlaceOf(set);
      return inUse !== null && place !== null && this.#options.clusters.includes(place.cluster);
    };
    return writer.takeBack(stay, retires).catch((error: unknown) => {
      throw new UserError(
        `keys that left a Secret are still good, because they cannot be taken back: ${textOf(error)}`,
      );
    });
  }

  /** Another process may have written meanwhile. */
  forget(): void {
    this.#opened?.writer.forget();
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    await opened?.close();
  }

  #judge(
    place: SecretPlace,
    answer: SecretAnswer,
  ): { readonly state: SecretState; readonly wanted: SecretObject | 'gone' | 'unknown'; readonly findings: Finding[] } {
    if (answer === 'unread') return { state: 'unread', wanted: 'unknown', findings: [] };
    if (typeof answer === 'string') return { state: answer, wanted: 'gone', findings: [] };
    const secret = { ...place, data: answer.data };
    const { isUsable, problems } = judgeSecret(secret);
    const findings = problems.map((problem) => entryFinding(place, problem));
    if (!isUsable) return { state: 'empty', wanted: 'gone', findings };
    const { place: keys } = this.#options;
    if ('unwritable' in keys) return { state: keys.unwritable, wanted: 'gone', findings };
    return { state: 'usable', wanted: secret, findings };
  }

  /** null: there is nothing to write, and KEYS is not opened for it. */
  async #writer(wanted: WantedSets): Promise<SecretKeyWriter | null> {
    const { place, nowMs } = this.#options;
    if (this.#opened !== null) return this.#opened.writer;
    if ('unwritable' in place || wanted.size === 0) return null;
    const pepper = await usablePepper(await place.pepper());
    const opened = await place.open();
    const writer = new SecretKeyWriter({ store: opened.store, pepper, nowMs });
    this.#opened = { writer, close: () => opened.close() };
    return writer;
  }
}

/** What the build takes: the input with what is known of its Secrets. */
export function withSecrets(input: BuildInput, { secrets, findings }: LookedAt): BuildInput {
  return { ...input, secrets, initialFindings: [...(input.initialFindings ?? []), ...findings] };
}

function setsOf({ byFilters, byConfig }: ReturnType<typeof referencedSecrets>): ReadonlySet<string> {
  return new Set([...byFilters, ...byConfig].map(secretSetName));
}

function entryFinding({ cluster, namespace, name }: SecretPlace, { entry, reason }: SecretKeyProblem): Finding {
  return finding(
    'warning',
    'secret-entry-unusable',
    `The value of \`${entry}\` is no key: ${reason}. It is left out.`,
    {
      source: { kind: 'Secret', namespace, name, file: null, line: null, ...(cluster !== null && { cluster }) },
      path: `data.${entry}`,
      hint: 'A key is 1 to 1024 visible ASCII characters; `printf %s KEY | base64` writes no line break.',
    },
  );
}

/** Of a Filter the build says it, at the Filter. */
function problemOfConfig(place: SecretPlace, state: SecretState): readonly Finding[] {
  const problem = secretProblem(place, state);
  if (problem === null) return [];
  const { code, clause, hint } = problem;
  const message = `A route of the configuration accepts its keys, but ${clause}: no key of it is accepted.`;
  return [finding('warning', code, message, { hint })];
}

async function usablePepper(text: string): Promise<CryptoKey> {
  try {
    return await importPepper(text);
  } catch (error) {
    throw new UserError(`PORTOLAN_SECRET_KEY_PEPPER cannot be used: ${textOf(error)}`);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
