import { readFileSync } from 'node:fs';

/** Version of this package: `package.json` lies two folders up, in the source tree as in `dist/`. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) return String(manifest.version);
  throw new Error('package.json has no version: the installation is damaged; install portolan again.');
}
