/**
 * Watches files and folders and says "something changed" once things are quiet.
 *
 * Only folders are watched, each one by itself: editors replace files instead of writing into them,
 * and both a watch on the old inode and Node's recursive watch on Linux then see no second change.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

export type Watcher = { close(): void };

export type WatchOptions = {
  /** Quiet time before the call, in milliseconds, so that a burst of writes is one change. Default 40. */
  readonly quietMs?: number;
  readonly onChange: () => void;
};

/** What in a folder is of interest. */
type Interest = ReadonlySet<string> | 'everything';

export function watchPaths(paths: readonly string[], options: WatchOptions): Watcher {
  const watchers = new Map<string, fs.FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Folders may have come or gone.
      refresh();
      options.onChange();
    }, options.quietMs ?? 40);
  };
  const refresh = (): void => {
    if (closed) return;
    const wanted = foldersOf(paths);
    for (const [folder, watcher] of watchers) {
      if (wanted.has(folder) && fs.existsSync(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    for (const [folder, interest] of wanted) if (!watchers.has(folder)) add(folder, interest);
  };
  const add = (folder: string, interest: Interest): void => {
    try {
      const watcher = fs.watch(folder, (_event, name) => {
        if (name === null || (interest === 'everything' ? !isNoise(name) : interest.has(name))) changed();
      });
      watcher.on('error', changed);
      watchers.set(folder, watcher);
    } catch {
      // Gone between listing and watching: the folder above reports it.
    }
  };
  refresh();
  return {
    close: () => {
      closed = true;
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}

function foldersOf(paths: readonly string[]): ReadonlyMap<string, Interest> {
  const folders = new Map<string, 'everything' | Set<string>>();
  for (const each of paths) {
    const absolute = path.resolve(each);
    if (isFolder(absolute)) {
      for (const folder of withSubfolders(absolute)) folders.set(folder, 'everything');
      continue;
    }
    const folder = path.dirname(absolute);
    const names = folders.get(folder) ?? new Set<string>();
    if (names !== 'everything') folders.set(folder, names.add(path.basename(absolute)));
  }
  return folders;
}

function withSubfolders(folder: string): string[] {
  const inside = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [
    folder,
    ...inside.filter(({ name }) => !isNoise(name)).flatMap(({ name }) => withSubfolders(path.join(folder, name))),
  ];
}

function isFolder(absolute: string): boolean {
  return fs.statSync(absolute, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Editor swap files, hidden folders and packages say nothing about manifests. */
function isNoise(name: string): boolean {
  return /^\.(?!\.data$)|~$|\.swp$/.test(name) || name === 'node_modules';
}
