/** State folders with a program of generated Mappings, and how the Worker runs over one. */
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import type { RouteProgram } from '../../src/program/route-program.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { generateMappings, type GenerateOptions } from './generate-mappings.ts';
import { buildClean, parseGenerated } from './generated-program.ts';
import { indexesAmong } from './load-rounds.ts';
import type { WorkerdOptions } from './workerd-process.ts';

export async function publishGenerated(folder: string, options: GenerateOptions): Promise<RouteProgram> {
  const { program, accepted } = buildClean(parseGenerated(generateMappings(options)));
  await publishProgram(await openStateFolder(folder), await encodeProgram(program), {
    now: new Date().toISOString(),
    sources: accepted,
  });
  return program;
}

/** Publishes into a state folder and says how to run the Worker over it without `serve`. */
export async function portolanOptions(
  folder: string,
  backend: string,
  options: GenerateOptions,
): Promise<WorkerdOptions> {
  const program = await publishGenerated(folder, options);
  const mappings = generateMappings(options);
  const services = new Set(indexesAmong(options.count, 200).map((index) => mappings[index]?.spec['service']));
  const upstreams = program.upstreams.filter(({ service }) => services.has(withoutNamespace(service)));
  return {
    code: (await bundleWorker({ minify: true })).code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    objects: { RATE_LIMITS: 'RateLimitObject' },
    backends: Object.fromEntries(upstreams.map(({ id }) => [bindingName(id), backend])),
  };
}

/** `name.namespace:port` → `name:port`. */
function withoutNamespace(service: string): string {
  return service.replace(/\.[^:]*/, '');
}
