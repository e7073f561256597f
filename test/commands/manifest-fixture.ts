/** Temporary folders with manifests, for tests of commands. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type Folder = { readonly path: string; write(name: string, text: string): void; remove(): void };

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'portolan-test-'));
  return {
    path,
    write: (name, text) => {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text);
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** One Mapping as a YAML document; `spec` lines in flow style. */
export function mapping(name: string, spec: string): string {
  return `apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: { name: ${name}, namespace: default }
spec: { ${spec} }
`;
}

/** A configuration that resolves every service, so that only what a test is about is found. */
export const RESOLVING_CONFIG = `export default {
  clusters: { main: { template: 'http://{service}.{namespace}.svc:{port}' } },
};
`;
