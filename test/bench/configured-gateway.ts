/** Portolan over a configuration, for benches and measurements: published into a state folder, run on bare workerd. */
import * as path from 'node:path';
import { bundleWorker } from '../../scripts/bundle-worker.ts';
import { buildProgram } from '../../src/compile/build-program.ts';
import { parseConfig } from '../../src/config/parse.ts';
import type { Finding } from '../../src/diagnostics/finding.ts';
import { bindingName } from '../../src/program/binding-name.ts';
import { encodeProgram } from '../../src/program/encode.ts';
import { publishProgram } from '../../src/program/publish.ts';
import { openStateFolder } from '../../src/stores/state-folder.ts';
import { BUILD_OPTIONS } from './generated-program.ts';
import type { WorkerdOptions } from './workerd-process.ts';

type Configured = {
  readonly folder: string;
  /** Address that all upstreams lead to. */
  readonly backend: string;
  /** What `routes.config.ts` would export. */
  readonly authored: Readonly<Record<string, unknown>>;
};

/** Throws when the configuration has an error. */
export async function configuredOptions({ folder, backend, authored }: Configured): Promise<WorkerdOptions> {
  const findings: Finding[] = [];
  const config = parseConfig(authored, (finding) => findings.push(finding), 'routes.config.ts');
  const built = buildProgram({ objects: [], config, initialFindings: findings }, BUILD_OPTIONS);
  const error = built.findings.find(({ severity }) => severity === 'error');
  if (error !== undefined) throw new Error(`The routes have findings: ${error.code}: ${error.message}`);
  await publishProgram(await openStateFolder(folder), await encodeProgram(built.program), {
    now: new Date().toISOString(),
    sources: built.accepted,
  });
  return {
    code: (await bundleWorker({ minify: true })).code,
    folder,
    kvFolder: path.join(folder, 'kv'),
    objects: { RATE_LIMITS: 'RateLimitObject' },
    backends: Object.fromEntries(built.program.upstreams.map(({ id }) => [bindingName(id), backend])),
  };
}
