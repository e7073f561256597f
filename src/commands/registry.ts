/** Every command, in the order in which help lists them. */
import { checkCommand } from './check.ts';
import type { Command } from './command.ts';
import { compileCommand } from './compile.ts';
import { devCommand } from './dev.ts';
import { echoCommand } from './echo.ts';
import { explainCommand } from './explain.ts';
import { initCommand } from './init.ts';
import { keysCommand } from './keys.ts';
import { limitsCommand } from './limits.ts';
import { publishCommand } from './publish.ts';
import { routesCommand } from './routes.ts';
import { serveCommand } from './serve.ts';
import { syncCommand } from './sync.ts';
import { testCommand } from './test.ts';

export const COMMANDS: readonly Command[] = [
  initCommand,
  checkCommand,
  routesCommand,
  explainCommand,
  testCommand,
  compileCommand,
  devCommand,
  serveCommand,
  publishCommand,
  syncCommand,
  keysCommand,
  limitsCommand,
  echoCommand,
];
