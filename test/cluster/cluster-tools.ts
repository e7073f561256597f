/**
 * The programs that the cluster tests start: etcd, kube-apiserver, kubectl and helm, built with Go from
 * the module in tools/ and kept in a cache folder named by the hash of its go.sum.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const MODULE = path.join(import.meta.dirname, 'tools');
const KUBERNETES = 'v1.36.3';
/** As `go build -o bin/ tool` names them: by the last part of the package's path. */
const BINARIES = { etcd: 'server', apiServer: 'kube-apiserver', kubectl: 'kubectl', helm: 'helm' } as const;
/** The first build takes about seven minutes on two cores. */
const BUILD_MS = 25 * 60_000;

export type ClusterTools = { readonly [Name in keyof typeof BINARIES]: string };

/** Why the suite cannot run here, and the cure; null: it can. */
export function reasonToSkip(): string | null {
  const found = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (found.status !== 0) return 'Go is not installed: with Go 1.26 or later the suite builds an API server by itself';
  const [, major = '0', minor = '0'] = /go(\d+)\.(\d+)/.exec(found.stdout) ?? [];
  if (Number(major) > 1 || Number(minor) >= 26) return null;
  // An older one may fetch a newer toolchain by itself, if it is allowed to.
  const fetches = spawnSync('go', ['env', 'GOTOOLCHAIN'], { encoding: 'utf8' }).stdout.trim() !== 'local';
  return Number(minor) >= 21 && fetches ? null : `Go 1.26 or later is needed, found ${found.stdout.trim()}`;
}

/** Builds what is not there yet. Throws with the compiler's words when that fails. */
export function buildTools(): ClusterTools {
  const folder = cacheFolder();
  const complete = path.join(folder, 'complete');
  if (!fs.existsSync(complete)) {
    fs.mkdirSync(folder, { recursive: true });
    const version = { gitVersion: KUBERNETES, gitMajor: '1', gitMinor: KUBERNETES.split('.')[1] ?? '' };
    // Without these kubectl refuses the server's version.
    const facts = Object.entries(version).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
    console.error(`building the API server's binaries into ${folder}; the first time takes minutes`);
    execFileSync('go', ['build', '-ldflags', ['-s', '-w', ...facts].join(' '), '-o', `${folder}/`, 'tool'], {
      cwd: MODULE,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: BUILD_MS,
      env: { ...process.env, GOFLAGS: '-buildvcs=false -mod=readonly' },
    });
    fs.writeFileSync(complete, '');
  }
  const pathOf = (name: keyof typeof BINARIES): string => path.join(folder, BINARIES[name]);
  return { etcd: pathOf('etcd'), apiServer: pathOf('apiServer'), kubectl: pathOf('kubectl'), helm: pathOf('helm') };
}

function cacheFolder(): string {
  const sums = createHash('sha256').update(fs.readFileSync(path.join(MODULE, 'go.sum')));
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  return path.join(base, 'portolan', 'cluster-tools', sums.digest('hex').slice(0, 16));
}
