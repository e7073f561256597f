/** Sources → program → store, again and again in one process: what one publish learned helps the next. */
import type { JWK } from 'jose';
import { buildProgram, type BuildInput, type BuildOptions, type BuildResult } from '../compile/build-program.ts';
import type { AcceptedResources } from '../program/accepted.ts';
import { EncodeCache } from '../program/encode-cache.ts';
import { encodeProgram } from '../program/encode.ts';
import {
  highestSequence,
  loadSources,
  publishProgram,
  type ProgramStore,
  type PublishReport,
} from '../program/publish.ts';

export type SourcePublisherOptions = {
  readonly build: Omit<BuildOptions, 'previous' | 'now'>;
  /** Private Ed25519 key; see PublishOptions. */
  readonly signKey?: JWK;
};

export type Published = { readonly result: BuildResult; readonly report: PublishReport };

export class SourcePublisher {
  readonly #options: SourcePublisherOptions;
  readonly #encodeCache = new EncodeCache();
  readonly #sourcesCache = new EncodeCache();
  #accepted: AcceptedResources = {};
  #highest = 0;

  constructor(options: SourcePublisherOptions) {
    this.#options = options;
  }

  /** What the store holds as last accepted; call once, before the first publish. */
  async recall(store: ProgramStore): Promise<void> {
    const { signKey } = this.#options;
    this.#accepted = await loadSources(store, signKey === undefined ? {} : { verifyKey: signKey });
    this.#highest = await highestSequence(store);
  }

  /** The resources that the live version was built from. */
  get accepted(): AcceptedResources {
    return this.#accepted;
  }

  build(input: BuildInput): BuildResult {
    const now = new Date().toISOString();
    return buildProgram(input, { ...this.#options.build, previous: this.#accepted, now });
  }

  /**
   * @param prune listing keys can be slow in a busy store, so who publishes often prunes at times only
   * @param allowEmpty also a program without a route
   */
  async publish(store: ProgramStore, result: BuildResult, prune: boolean, allowEmpty = false): Promise<PublishReport> {
    const { signKey } = this.#options;
    const encoded = await encodeProgram(result.program, { cache: this.#encodeCache });
    const report = await publishProgram(store, encoded, {
      now: new Date().toISOString(),
      sources: result.accepted,
      sourcesCache: this.#sourcesCache,
      after: this.#highest,
      prune,
      allowEmpty,
      ...(signKey !== undefined && { signKey }),
    });
    if (report.skipped !== 'empty') this.#accepted = result.accepted;
    this.#highest = Math.max(this.#highest, report.sequence);
    return report;
  }
}
