/** Options of every command that reads sources, and what they mean for the build. */
import type { OptionSpecs, OptionValues } from './command.ts';

export const INPUT_OPTIONS = {
  file: {
    type: 'string',
    short: 'f',
    multiple: true,
    value: 'PATH',
    help: 'manifests: a file, a folder (read recursively) or - for standard input',
  },
  config: { type: 'string', value: 'FILE', help: 'default ./routes.config.ts when there is one; none leaves it out' },
  target: {
    type: 'string',
    choices: ['self-hosted', 'cloudflare'],
    help: 'where the gateway will run; default self-hosted',
  },
  'ambassador-id': { type: 'string', value: 'ID', help: 'only resources of this installation; default default' },
  'ambassador-namespace': {
    type: 'string',
    value: 'NAME',
    help: 'namespace Ambassador itself runs in; default default',
  },
  'allow-unenforced': {
    type: 'string',
    multiple: true,
    value: 'KIND',
    help: 'serve routes although this protecting kind (or Module.KEY) is not enforced yet',
  },
  strict: { type: 'boolean', help: 'treat warnings as errors' },
} as const satisfies OptionSpecs;

export type InputOptions = OptionValues<typeof INPUT_OPTIONS>;
