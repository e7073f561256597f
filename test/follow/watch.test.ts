import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchPaths, type Watcher } from '../../src/follow/watch.ts';

let root: string;
let watcher: Watcher;
let calls: number;
let waiting: (() => void) | null;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-watch-'));
  fs.mkdirSync(path.join(root, 'in', 'sub'), { recursive: true });
  fs.writeFileSync(path.join(root, 'in', 'sub', 'a.yaml'), '1');
  fs.writeFileSync(path.join(root, 'routes.config.ts'), '1');
  calls = 0;
  waiting = null;
  watcher = watchPaths([path.join(root, 'in'), path.join(root, 'routes.config.ts')], {
    quietMs: 20,
    onChange: () => {
      calls += 1;
      waiting?.();
    },
  });
});
afterEach(() => {
  watcher.close();
  fs.rmSync(root, { recursive: true });
});

async function sees(change: () => void): Promise<void> {
  const seen = new Promise<void>((resolve) => (waiting = resolve));
  change();
  await seen;
}

/** What `sed -i` and most editors do. */
function replace(file: string, text: string): void {
  fs.writeFileSync(path.join(root, 'other.tmp'), text);
  fs.renameSync(path.join(root, 'other.tmp'), path.join(root, file));
}

describe('watchPaths', () => {
  it('sees every replacement of a file, not only the first', async () => {
    for (const text of ['2', '3', '4']) await sees(() => replace('in/sub/a.yaml', text));
    for (const text of ['2', '3']) await sees(() => replace('routes.config.ts', text));
  });

  it('sees writes, new files, new folders and what happens inside them', async () => {
    await sees(() => fs.writeFileSync(path.join(root, 'in', 'sub', 'a.yaml'), 'written'));
    await sees(() => fs.writeFileSync(path.join(root, 'in', 'new.yaml'), 'x'));
    await sees(() => fs.mkdirSync(path.join(root, 'in', 'later')));
    await sees(() => fs.writeFileSync(path.join(root, 'in', 'later', 'b.yaml'), 'x'));
    await sees(() => fs.rmSync(path.join(root, 'in', 'later'), { recursive: true }));
    await sees(() => fs.rmSync(path.join(root, 'in', 'sub', 'a.yaml')));
  });

  it('takes a burst as one change and leaves other files alone', async () => {
    await sees(() => {
      for (let index = 0; index < 20; index += 1) fs.writeFileSync(path.join(root, 'in', `${index}.yaml`), 'x');
    });
    fs.writeFileSync(path.join(root, 'unrelated.txt'), 'x');
    fs.writeFileSync(path.join(root, 'in', '.hidden.swp'), 'x');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls).toBe(1);
  });
});
