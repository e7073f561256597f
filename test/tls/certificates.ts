/** Authorities and certificates for tests, made by the `openssl` command: Node can read X.509 but not write it. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

export type Pair = {
  readonly certificate: string;
  readonly key: string;
  /** Paths of the two files. */
  readonly certificateFile: string;
  readonly keyFile: string;
};

export class Authority {
  readonly pair: Pair;
  readonly #folder: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.pair = make(folder, name, ['-addext', 'basicConstraints=critical,CA:TRUE']);
  }

  /** A certificate for these names, as `subjectAltName` writes them (`DNS:a.test`, `IP:127.0.0.1`); none: a client's. */
  issue(name: string, alternatives: readonly string[] = []): Pair {
    const { certificateFile, keyFile } = this.pair;
    const names = alternatives.length === 0 ? [] : ['-addext', `subjectAltName=${alternatives.join(',')}`];
    const issuer = ['-CA', certificateFile, '-CAkey', keyFile, '-addext', 'basicConstraints=CA:FALSE'];
    return make(this.#folder, name, [...issuer, ...names]);
  }
}

function make(folder: string, name: string, args: readonly string[]): Pair {
  const certificateFile = path.join(folder, `${name}.pem`);
  const keyFile = path.join(folder, `${name}.key`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc', '-keyout', keyFile];
  execFileSync(
    'openssl',
    ['req', '-x509', ...key, '-out', certificateFile, '-subj', `/CN=${name}`, '-days', '2', ...args],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  return {
    certificate: fs.readFileSync(certificateFile, 'utf8'),
    key: fs.readFileSync(keyFile, 'utf8'),
    certificateFile,
    keyFile,
  };
}
