/** docs/cli.md against the declarations of the commands. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INPUT_OPTIONS } from '../../src/commands/input-options.ts';
import { COMMANDS } from '../../src/commands/registry.ts';
import { ROOT } from './terminal-fixture.ts';

const page = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section] as const),
);

describe('docs/cli.md', () => {
  it('has a section for every command and no other', () => {
    const documented = [...sections.keys()]
      .filter((title) => title.startsWith('portolan '))
      .map((title) => title.slice(9));
    expect(documented.toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted());
  });

  it('names every shared option', () => {
    const shared = sections.get('Options of every command that reads sources') ?? '';
    for (const name of Object.keys(INPUT_OPTIONS)) expect(shared).toContain(`--${name}`);
  });

  it.each(COMMANDS.map((command) => [command.name, command] as const))(
    'names every option of %s',
    (name, { options }) => {
      const section = sections.get(`portolan ${name}`) ?? '';
      const own = Object.keys(options).filter((option) => !(option in INPUT_OPTIONS));
      const shown = own.filter(
        (option) => !section.includes(`--${option}`) && !section.includes(`-${options[option]?.short} `),
      );
      expect(shown).toEqual([]);
    },
  );
});
