/**
 * Watches files and folders and says "something changed" once things are quiet.
 *
 * A file is watched through its folder, because editors replace files instead of writing into them
 * and a watch on the old inode would never fire again. Folders are watched recursively.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

export type Watcher = { close(): void };

export type WatchOptions = {
  /** Quiet time before the call, so that a burst of writes is one change. Default 40. */
  readonly quietMs?: number;
  readonly onChange: () => void;
};

export function watchPaths(paths: readonly string[], options: WatchOptions): Watcher {
  const quietMs = options.quietMs ?? 40;
  let timer: NodeJS.Timeout | undefined;
  const changed = (): void => {
    clearTimeout(timer);
    timer = setTimeout(options.onChange, quietMs);
  };
  const folders = new Map<string, Set<string> | 'all'>();
  for (const each of paths) {
    const absolute = path.resolve(each);
    const isFolder = fs.statSync(absolute, { throwIfNoEntry: false })?.isDirectory() ?? false;
    if (isFolder) folders.set(absolute, 'all');
    else addFile(folders, absolute);
  }
  const watchers = [...folders].map(([folder, names]) =>
    fs.watch(folder, { recursive: names === 'all' }, (_event, name) => {
      if (names === 'all' ? !isNoise(name) : name === null || names.has(name)) changed();
    }),
  );
  for (const watcher of watchers) watcher.on('error', changed);
  return {
    close: () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}

function addFile(folders: Map<string, Set<string> | 'all'>, file: string): void {
  const folder = path.dirname(file);
  const names = folders.get(folder);
  if (names === 'all') return;
  if (names === undefined) folders.set(folder, new Set([path.basename(file)]));
  else names.add(path.basename(file));
}

/** Editor swap files and hidden folders say nothing about manifests. */
function isNoise(name: string | null): boolean {
  return name !== null && (/(^|\/)\.|~$|\.swp$/.test(name) || name.includes('node_modules'));
}
