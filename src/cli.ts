#!/usr/bin/env node
/** argv → command → exit code. Everything else is imported after the Node version is known to fit. */
import { fileURLToPath } from 'node:url';
import { handOver, isNodeRecentEnough, MINIMUM_NODE } from './commands/node-version.ts';

const argv = process.argv.slice(2);

if (isNodeRecentEnough(process.versions.node)) {
  const { runCli } = await import('./commands/run-cli.ts');
  const { flushOutput, processTerminal } = await import('./commands/process-terminal.ts');
  const { COMMANDS } = await import('./commands/registry.ts');
  const code = await runCli(argv, processTerminal(), COMMANDS);
  await flushOutput();
  // Not left to the event loop: a user's routes.config.ts may hold timers or sockets open.
  process.exit(code);
} else {
  const code = await handOver(fileURLToPath(import.meta.url), argv);
  if (code === null) {
    process.stderr.write(
      `portolan: Node ${MINIMUM_NODE} or newer is needed, this is ${process.versions.node}. ` +
        'Use a newer Node, or add one to this folder with `npm install node@24`.\n',
    );
  }
  process.exit(code ?? 2);
}
