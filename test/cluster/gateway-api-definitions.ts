/** The Gateway API's own definitions, out of its Go module: they are no part of this tree. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const MODULE = 'sigs.k8s.io/gateway-api@v1.6.3';
/** Of that module, as go.sum would have it. */
const SUM = 'h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=';

/** Files of the standard channel. Downloads the module when the cache of modules lacks it; builds nothing. */
export function gatewayApiDefinitions(): readonly string[] {
  const printed = execFileSync('go', ['mod', 'download', '-json', MODULE], {
    // Outside of every module: no go.mod takes part.
    cwd: os.tmpdir(),
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, GOFLAGS: '', GOWORK: 'off' },
  });
  const { Dir: folder, Sum: sum } = JSON.parse(printed) as { Dir: string; Sum: string };
  if (sum !== SUM) throw new Error(`${MODULE} has the sum ${sum}, not ${SUM}`);
  const standard = path.join(folder, 'config', 'crd', 'standard');
  const names = fs.readdirSync(standard).filter((name) => /^gateway\.networking\.k8s\.io_.*\.yaml$/.test(name));
  return names.map((name) => path.join(standard, name));
}
