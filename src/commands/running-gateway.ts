/** Which running gateway `--to` means, and how its counters are asked. */
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { countersSocketOf, localStateFolder } from '../dev/state-folder.ts';
import { UserError } from '../diagnostics/errors.ts';
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';
import { usageError } from './parse-arguments.ts';
import { parseStoreTarget } from './publish-targets.ts';

export type RunningGateway = {
  readonly command: 'serve' | 'dev';
  /** Absolute. */
  readonly stateFolder: string;
};

/** Throws UserError when no gateway runs there. */
export type AskGateway = (gateway: RunningGateway, calls: readonly LimitCall[]) => Promise<readonly LimitAnswer[]>;

type Place = { readonly to: string | undefined; readonly state: string | undefined };

/** Throws UserError for a place whose counters nobody here can reach, or that does not exist. */
export function runningGateway({ to, state }: Place, cwd: string): RunningGateway {
  const target = to === undefined ? null : parseStoreTarget(to);
  if (target === null)
    throw usageError(
      'limits',
      'Say where the gateway runs with --to dir:PATH, the state folder of `portolan serve`, or --to local, `portolan dev`.',
    );
  if (state !== undefined && target.kind !== 'local') throw usageError('limits', '--state goes with --to local.');
  if (target.kind === 'cloudflare')
    throw new UserError(
      'counters on Cloudflare cannot be reached from outside: only the deployed Worker may call its Durable Objects. ' +
        'To start a limit anew there, give it another `name` or `scope` in the configuration and publish',
    );
  const command = target.kind === 'folder' ? 'serve' : 'dev';
  const written = target.kind === 'folder' ? target.path : (state ?? localStateFolder('.'));
  const stateFolder = path.resolve(cwd, written);
  if (!existsSync(stateFolder))
    throw new UserError(`there is no folder ${written}, hence no counter${otherState(command)}`);
  return { command, stateFolder };
}

export async function askRunningGateway(
  gateway: RunningGateway,
  calls: readonly LimitCall[],
): Promise<readonly LimitAnswer[]> {
  const { assertSocketPath, answers } = await import('../sockets/unix-socket.ts');
  const { askCounters } = await import('../sockets/counters-client.ts');
  const socket = await socketOf(gateway);
  assertSocketPath(socket);
  const { command, stateFolder } = gateway;
  if (!(await answers(socket))) {
    const other = command === 'dev' ? ('serve' as const) : ('dev' as const);
    const isOther = await answers(await socketOf({ command: other, stateFolder }));
    const hint = isOther
      ? `; \`portolan ${other}\` does, ask it with ${placeOf(other, stateFolder)}`
      : otherState(command);
    throw new UserError(
      `no \`portolan ${command}\` runs in ${stateFolder}, and counters can be asked only while it does${hint}`,
    );
  }
  return askCounters(socket, calls).catch((error: unknown) => {
    throw new UserError(`the counters cannot be asked: ${error instanceof Error ? error.message : String(error)}`);
  });
}

/** `dev` may have been started with another folder than the one it has by itself. */
function otherState(command: RunningGateway['command']): string {
  return command === 'dev' ? '; if `portolan dev` was started with --state, say the same here' : '';
}

function placeOf(command: RunningGateway['command'], stateFolder: string): string {
  return command === 'serve' ? `--to dir:${stateFolder}` : `--to local --state ${stateFolder}`;
}

async function socketOf({ command, stateFolder }: RunningGateway): Promise<string> {
  if (command === 'dev') return countersSocketOf(stateFolder);
  const { runFolderOf } = await import('../sockets/run-folder.ts');
  const { OBJECTS_SOCKET } = await import('../serve/runtime-config.ts');
  return path.join(runFolderOf(stateFolder), OBJECTS_SOCKET);
}
