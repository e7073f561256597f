/**
 * A real Kubernetes API server on loopback: etcd and kube-apiserver, with RBAC, without nodes and
 * controllers: Services, EndpointSlices and Secrets are written directly.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as https from 'node:https';
import * as os from 'node:os';
import * as path from 'node:path';
import { freePort } from '../bench/workerd-process.ts';
import type { ClusterTools } from './cluster-tools.ts';

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

const START_MS = 60_000;
const STOP_MS = 3_000;

export class Cluster {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'portolan-cluster-'));
  readonly #tools: ClusterTools;
  readonly #token = randomUUID();
  #ports = { etcd: 0, peer: 0, secure: 0 };
  #etcd: ChildProcess | null = null;
  #apiServer: ChildProcess | null = null;

  static async start(tools: ClusterTools): Promise<Cluster> {
    const cluster = new Cluster(tools);
    try {
      await cluster.#start();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(tools: ClusterTools) {
    this.#tools = tools;
  }

  get server(): string {
    return `https://127.0.0.1:${this.#ports.secure}`;
  }

  /** Certificate of the API server, to be believed as it is. */
  get authority(): string {
    return path.join(this.folder, 'certs', 'apiserver.crt');
  }

  /** Of the administrator. */
  get kubeconfig(): string {
    return path.join(this.folder, 'kubeconfig');
  }

  /** Writes a kubeconfig for a bearer of this token; returns its path. */
  writeKubeconfig(name: string, token: string, context = 'test'): string {
    const file = path.join(this.folder, name);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: context, cluster: { server: this.server, 'certificate-authority': this.authority } }],
      users: [{ name: context, user: { token } }],
      contexts: [{ name: context, context: { cluster: context, user: context } }],
      'current-context': context,
    };
    fs.writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** As the administrator. Throws when it fails. */
  kubectl(args: readonly string[], input?: string): string {
    const { code, stdout, stderr } = this.tryKubectl(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  tryKubectl(args: readonly string[], input?: string): Ran {
    return runTool(this.#tools.kubectl, ['--kubeconfig', this.kubeconfig, ...args], input);
  }

  helm(args: readonly string[]): Ran {
    return runTool(this.#tools.helm, ['--kubeconfig', this.kubeconfig, ...args]);
  }

  /** Kills the API server and starts another on the same port and store. */
  async restartApiServer(): Promise<void> {
    await end(this.#apiServer);
    this.#apiServer = this.#spawnApiServer();
    await this.#untilReady();
  }

  /** Makes etcd forget every earlier revision, so that old resourceVersions are gone. */
  async compact(): Promise<void> {
    const endpoint = `http://127.0.0.1:${this.#ports.etcd}/v3/kv`;
    const read = await postJson(`${endpoint}/range`, { key: Buffer.from('/').toString('base64') });
    const revision = (read as { header: { revision: string } }).header.revision;
    await postJson(`${endpoint}/compaction`, { revision, physical: true });
  }

  async stop(): Promise<void> {
    // In this order: an API server that has lost its store does not listen to signals for long.
    await end(this.#apiServer);
    await end(this.#etcd);
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#ports = { etcd: await freePort(), peer: await freePort(), secure: await freePort() };
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#write('service-account.key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    this.#write('service-account.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString());
    this.#write('tokens.csv', `${this.#token},admin,admin,system:masters\n`);
    const client = `http://127.0.0.1:${this.#ports.etcd}`;
    const peer = `http://127.0.0.1:${this.#ports.peer}`;
    this.#etcd = this.#spawn('etcd', {
      'data-dir': path.join(this.folder, 'etcd'),
      'unsafe-no-fsync': 'true',
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `default=${peer}`,
    });
    this.#apiServer = this.#spawnApiServer();
    await this.#untilReady();
    this.writeKubeconfig('kubeconfig', this.#token);
  }

  #spawnApiServer(): ChildProcess {
    const at = (name: string): string => path.join(this.folder, name);
    return this.#spawn('apiServer', {
      'etcd-servers': `http://127.0.0.1:${this.#ports.etcd}`,
      'cert-dir': at('certs'),
      'secure-port': String(this.#ports.secure),
      'bind-address': '127.0.0.1',
      'service-cluster-ip-range': '10.96.0.0/16',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': at('service-account.pub'),
      'service-account-signing-key-file': at('service-account.key'),
      'token-auth-file': at('tokens.csv'),
      'authorization-mode': 'RBAC',
      'disable-admission-plugins': 'ServiceAccount',
    });
  }

  #spawn(tool: 'etcd' | 'apiServer', options: Readonly<Record<string, string>>): ChildProcess {
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const log = fs.openSync(path.join(this.folder, `${tool}.log`), 'a');
    const child = spawn(this.#tools[tool], args, { stdio: ['ignore', log, log] });
    fs.closeSync(log);
    return child;
  }

  async #untilReady(): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (!(await this.#isReady())) {
      for (const [name, child] of Object.entries({ etcd: this.#etcd, apiServer: this.#apiServer })) {
        if (child?.exitCode !== null) throw new Error(`${name} ended at its start: ${this.#tail(name)}`);
      }
      if (Date.now() > deadline) throw new Error(`the API server is not ready: ${this.#tail('apiServer')}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const request = https.get(
        `${this.server}/readyz`,
        // Of a server that this class has just started, on loopback, before its certificate is known.
        { rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${this.#token}` } },
        (response) => {
          response.resume();
          resolve(response.statusCode === 200);
        },
      );
      request.on('error', () => resolve(false));
      request.setTimeout(5_000, () => request.destroy());
    });
  }

  #tail(name: string): string {
    return fs.readFileSync(path.join(this.folder, `${name}.log`), 'utf8').slice(-2_000);
  }

  #write(name: string, text: string): void {
    fs.writeFileSync(path.join(this.folder, name), text, { mode: 0o600 });
  }
}

function runTool(binary: string, args: readonly string[], input?: string): Ran {
  const { status, stdout, stderr } = spawnSync(binary, args, {
    encoding: 'utf8',
    input: input ?? '',
    timeout: 120_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  return { code: status, stdout, stderr };
}

async function end(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(deadline);
}

async function postJson(url: string, body: unknown): Promise<unknown> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json();
}
