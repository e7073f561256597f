/** Every command, in the order in which help lists them. */
import type { Command } from './command.ts';
import { echoCommand } from './echo.ts';
import { initCommand } from './init.ts';

export const COMMANDS: readonly Command[] = [echoCommand, initCommand];
