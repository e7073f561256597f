/** Where the development server keeps its state, and where it is asked while it runs. */
import * as path from 'node:path';
import { runFolderOf } from '../sockets/run-folder.ts';

/** State of the development server below the working directory. */
export function localStateFolder(workingDirectory: string): string {
  return path.join(workingDirectory, '.portolan', 'dev');
}

/** Not the name that `serve` uses: whoever gives both one folder must not have one take the other's socket away. */
export function countersSocketOf(stateFolder: string): string {
  return path.join(runFolderOf(stateFolder), 'counters.sock');
}
