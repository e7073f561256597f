/**
 * Publishes into a state folder and kills itself after a number of writes:
 * `publisher-child.ts FOLDER BACKEND ROUTES VERSION WRITES`.
 */
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { dyingStore } from './dying-store.ts';
import { publish } from './programs.ts';
import { buildVersion } from './versions.ts';

const [folder = '', backend = '', routes, version, writes] = process.argv.slice(2);
const built = await buildVersion({ backend, routes: Number(routes) }, Number(version));
const store = dyingStore(await openStateFolder(folder), {
  afterWrites: Number(writes),
  order: (values) => values,
  die: () => {
    process.kill(process.pid, 'SIGKILL');
    throw new Error('The publisher outlived its death.');
  },
});
await publish(store, built);
