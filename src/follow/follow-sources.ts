/** Reads the sources again whenever one of them changes. */
import { UserError } from '../diagnostics/errors.ts';
import { SourcesUnusable } from './sources-unusable.ts';
import { watchPaths, type Watcher } from './watch.ts';

export type FollowOptions<Loaded extends { readonly watch: readonly string[] }> = {
  /** Files and folders of the first reading. */
  readonly watch: readonly string[];
  /** Reads the sources afresh; throws UserError when there is nothing to read. */
  readonly load: () => Promise<Loaded>;
  /** Called with each reading, one at a time; a change during a call leads to exactly one more reading. */
  readonly onLoaded: (loaded: Loaded) => Promise<void>;
  /** A reading, or what was made of it, failed. Whatever serves must stay. */
  readonly onFailed: (message: string) => void;
};

export interface SourceFollower {
  /** Resolves when a reading that was under way has ended. */
  close(): Promise<void>;
}

export function followSources<Loaded extends { readonly watch: readonly string[] }>(
  options: FollowOptions<Loaded>,
): SourceFollower {
  let watcher: Watcher | undefined;
  let watched = '';
  let running: Promise<void> | undefined;
  let again = false;
  let closed = false;

  function watch(paths: readonly string[]): void {
    const key = paths.toSorted().join('\n');
    if (key === watched || closed) return;
    watched = key;
    watcher?.close();
    watcher = watchPaths(paths, { onChange: readSoon });
  }

  function readSoon(): void {
    if (running !== undefined) {
      again = true;
      return;
    }
    running = read().finally(() => {
      running = undefined;
      if (!again || closed) return;
      again = false;
      readSoon();
    });
  }

  async function read(): Promise<void> {
    try {
      const loaded = await options.load();
      await options.onLoaded(loaded);
      watch(loaded.watch);
    } catch (error) {
      // What to watch is known all the same, so that a correction is seen.
      if (error instanceof SourcesUnusable) watch(error.watch);
      options.onFailed(
        error instanceof UserError ? error.message : String(error instanceof Error ? error.stack : error),
      );
    }
  }

  watch(options.watch);
  return {
    close: async () => {
      closed = true;
      watcher?.close();
      await running;
    },
  };
}
