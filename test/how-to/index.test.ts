/** docs/how-to/README.md against the folder and the tests that it names. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, it } from 'vitest';
import { readPage } from './page.ts';

const root = path.resolve(import.meta.dirname, '../..');
const rows = readPage('README.md').table('page');

it('names every page', () => {
  const pages = fs.readdirSync(path.join(root, 'docs/how-to')).filter((name) => name !== 'README.md');
  const named = rows.map(([link = '']) => /\]\(([^)]+)\)/.exec(link)?.[1] ?? '');
  expect(named.toSorted()).toEqual(pages.toSorted());
});

it.each(rows)('%s: %s reads the page', (link, test) => {
  const [, page = 'none'] = /\]\(([^)]+)\)/.exec(link) ?? [];
  expect(fs.readFileSync(path.join(root, test.replaceAll('`', '')), 'utf8')).toContain(page);
});
