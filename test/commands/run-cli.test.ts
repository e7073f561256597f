import { describe, expect, it } from 'vitest';
import { defineCommand, type OptionValues } from '../../src/commands/command.ts';
import { COMMANDS } from '../../src/commands/registry.ts';
import { UserError } from '../../src/diagnostics/errors.ts';
import { run, spawnCli } from './terminal-fixture.ts';

const OPTIONS = {
  file: { type: 'string', short: 'f', multiple: true, value: 'PATH', help: 'files' },
  to: { type: 'string', choices: ['local', 'cloudflare'], help: 'target' },
  all: { type: 'boolean', help: 'everything' },
} as const;

const probe = defineCommand({
  name: 'probe',
  summary: 'Print what was parsed.',
  usage: '[-f PATH]…',
  options: OPTIONS,
  positionals: { min: 0, max: 1 },
  run({ options, positionals, json, printJson }) {
    const typed: OptionValues<typeof OPTIONS> = options;
    const to: 'local' | 'cloudflare' | undefined = typed.to;
    printJson({ file: typed.file, to, all: typed.all, positionals, json });
    return Promise.resolve(0);
  },
});
const failing = defineCommand({
  name: 'failing',
  summary: 'Throw.',
  usage: '',
  options: { how: { type: 'string', help: 'how' } },
  run({ options }) {
    if (options.how === 'user') throw new UserError('Do it like this.');
    throw new Error('index out of range');
  },
});
const commands = [probe, failing];

async function parsed(...argv: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run(['probe', ...argv], { commands });
  return code === 0 ? (JSON.parse(stdout) as unknown) : { code, stderr };
}

describe('options', () => {
  it('collects repeated ones in order and types the rest', async () => {
    expect(await parsed('-f', 'a', '--file=b', '-fc', '-f', '-', '--to', 'local', '--all', 'rest', '--json')).toEqual({
      file: ['a', 'b', 'c', '-'],
      to: 'local',
      all: true,
      positionals: ['rest'],
      json: true,
    });
  });

  it.each([
    [['--fil', 'x'], 'Unknown option --fil. Did you mean --file? See `portolan help probe`.'],
    [['--zzzzzz'], 'Unknown option --zzzzzz. See `portolan help probe`.'],
    [['-x'], 'Unknown option -x. See `portolan help probe`.'],
    [['-f'], '-f needs a value (PATH). See `portolan help probe`.'],
    [['-f', '--json'], '-f needs a value (PATH). See `portolan help probe`.'],
    [['--file='], '--file needs a value (PATH). See `portolan help probe`.'],
    [['--all=yes'], '--all takes no value. See `portolan help probe`.'],
    [['--to', 'mars'], '--to must be one of local, cloudflare; got "mars". See `portolan help probe`.'],
    [['--to', 'local', '--to', 'cloudflare'], '--to is given twice with different values. See `portolan help probe`.'],
    [['a', 'b'], 'Unexpected argument "b". See `portolan help probe`.'],
    [['--constructor', 'x'], 'Unknown option --constructor. See `portolan help probe`.'],
  ])('%j is a usage error', async (argv, message) => {
    expect(await parsed(...argv)).toEqual({ code: 2, stderr: `portolan: ${message}\n` });
  });

  it('takes a value that looks like an option when it is inline, and anything after --', async () => {
    expect(await parsed('--file=--odd', '--', '-y')).toMatchObject({ file: ['--odd'], positionals: ['-y'] });
  });

  it('hints at -f where no argument is taken', async () => {
    expect(await run(['failing', 'x.yaml'], { commands })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Files are given with -f PATH.'),
    });
  });
});

describe('exit codes and streams', () => {
  it('prints a user error in one line without a stack', async () => {
    expect(await run(['failing', '--how', 'user'], { commands })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'portolan: Do it like this.\n',
    });
  });

  it('prints a bug with its stack and exits 70', async () => {
    const { code, stdout, stderr } = await run(['failing'], { commands });
    expect([code, stdout]).toEqual([70, '']);
    expect(stderr).toMatch(/this is a bug in portolan[^]*Error: index out of range\n\s+at .*run-cli\.test\.ts/);
  });

  it.each([
    [[], 2, '', /^Usage: portolan VERB/],
    [['chekc'], 2, '', /Unknown command "chekc"\. Did you mean `portolan check`\?/],
    [['--jsn'], 2, '', /Unknown option --jsn before the command/],
    [['help', 'nosuch'], 2, '', /Unknown command "nosuch"/],
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/, ''],
    [['--help'], 0, /^Usage: portolan VERB/, ''],
    [['help'], 0, /^Usage: portolan VERB/, ''],
    [['help', 'echo'], 0, /^Usage: portolan echo .*\n[^]*--port N/, ''],
    [['echo', '--nonsense', '--help'], 0, /^Usage: portolan echo/, ''],
  ])('%j', async (argv, code, stdout, stderr) => {
    const outcome = await run(argv);
    expect(outcome.code).toBe(code);
    for (const [text, expected] of [
      [outcome.stdout, stdout],
      [outcome.stderr, stderr],
    ] as const) {
      if (typeof expected === 'string') expect(text).toBe(expected);
      else expect(text).toMatch(expected);
    }
  });

  it('is the same in a real process', async () => {
    expect(await spawnCli(['--version'])).toEqual({ code: 0, stdout: expect.stringMatching(/^\d/), stderr: '' });
    expect(await spawnCli(['eco'])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('help', () => {
  it.each(COMMANDS.map(({ name }) => name))('of %s fits a terminal and names every option', async (name) => {
    const { stdout } = await run(['help', name]);
    const command = COMMANDS.find((each) => each.name === name);
    for (const option of Object.keys(command?.options ?? {})) expect(stdout).toContain(`--${option}`);
    expect(stdout.split('\n').filter((line) => line.length > 110)).toEqual([]);
  });
});
