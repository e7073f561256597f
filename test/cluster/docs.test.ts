/** The commands of docs/sync.md, docs/crds.md and docs/helm.md, run as they are written. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { RESOLVING_CONFIG } from '../commands/manifest-fixture.ts';
import { buildTools } from './cluster-tools.ts';
import { Cluster, type Ran } from './cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

let cluster: Cluster;
let bin: string;

beforeAll(async () => {
  const tools = buildTools();
  cluster = await Cluster.start(tools);
  bin = path.join(cluster.folder, 'bin');
  fs.mkdirSync(bin);
  fs.symlinkSync(tools.kubectl, path.join(bin, 'kubectl'));
  fs.symlinkSync(tools.helm, path.join(bin, 'helm'));
  // As `npx` finds it where it is installed.
  const cli = `exec ${process.execPath} --conditions=portolan-source ${path.join(ROOT, 'src', 'cli.ts')}`;
  fs.writeFileSync(path.join(bin, 'npx'), `#!/bin/sh\nshift\n${cli} "$@"\n`, { mode: 0o755 });
  fs.writeFileSync(path.join(bin, 'portolan'), `#!/bin/sh\n${cli} "$@"\n`, { mode: 0o755 });
});
afterAll(() => cluster.stop());

/** Code blocks of a page, in order. */
function blocks(page: string, language: string): readonly string[] {
  const text = fs.readFileSync(path.join(ROOT, 'docs', page), 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, of, code = '']) =>
    of === language ? [code] : [],
  );
}

function blockWith(page: string, words: string): string {
  const found = blocks(page, 'sh').find((block) => block.includes(words));
  if (found === undefined) throw new Error(`${page} has no block with ${words}`);
  return found;
}

/** As the administrator, unless `env` says otherwise. Ends at the first command that fails, as CI does. */
function bash(script: string, env: Readonly<Record<string, string>> = {}, cwd = ROOT): Ran {
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', script], {
    cwd,
    encoding: 'utf8',
    timeout: 90_000,
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, KUBECONFIG: cluster.kubeconfig, ...env },
  });
  return { code: status, stdout, stderr };
}

describe('docs/crds.md', () => {
  it('installs definitions and a first Mapping', () => {
    const ran = bash(blockWith('crds.md', 'kubectl apply -f deploy/crds/'));
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toContain('mapping.getambassador.io/backend-mapping created');
    expect(bash(blockWith('crds.md', 'crd-version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

type Step = { readonly name?: string; readonly run?: string };
type Workflow = { readonly jobs: { readonly publish: { readonly steps: readonly Step[] } } };

function workflowStep(name: string): string {
  const text = blocks('sync.md', 'yaml').find((block) => /^jobs:/m.test(block)) ?? '';
  const workflow: Workflow = parse(text);
  const run = workflow.jobs.publish.steps.find((step) => step.name === name)?.run;
  if (run === undefined) throw new Error(`the workflow has no step ${name}`);
  return run;
}

describe('docs/sync.md as a CI job', () => {
  let temp: string;
  let credentials: string;
  beforeAll(() => {
    temp = fs.mkdtempSync(path.join(cluster.folder, 'runner-'));
    fs.writeFileSync(path.join(temp, 'routes.config.ts'), RESOLVING_CONFIG);
    expect(bash(blockWith('sync.md', 'create clusterrole'))).toMatchObject({ code: 0 });
    cluster.kubectl(['create', 'serviceaccount', 'ci']);
    cluster.kubectl([
      'create',
      'clusterrolebinding',
      'ci',
      '--clusterrole=portolan-read',
      '--serviceaccount=default:ci',
    ]);
    const token = cluster.kubectl(['create', 'token', 'ci']).trim();
    credentials = fs.readFileSync(cluster.writeKubeconfig('ci.kubeconfig', token), 'utf8');
  });

  const read = (): Ran =>
    bash(workflowStep('Read the cluster'), { RUNNER_TEMP: temp, KUBECONFIG_TEXT: credentials }, temp);

  it('reads with no more than it asks for, and publishes without the cluster', () => {
    expect(read()).toMatchObject({ code: 0, stderr: '' });
    expect(fs.readdirSync(temp).toSorted()).toEqual(['cluster.json', 'routes.config.ts']);
    const publish = workflowStep('Publish');
    expect(publish).toContain('--to cloudflare');
    const { code, stdout } = bash(
      publish.replace('--to cloudflare', '--to dir:state --json'),
      { RUNNER_TEMP: temp, KUBECONFIG: '/nonexistent' },
      temp,
    );
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({ code: 0, published: true, routes: 1 });
  });

  it('ends before it publishes when a kind may not be read, where a pipe would go on', () => {
    const rule = { apiGroups: ['getambassador.io'], resources: ['mappings'], verbs: ['get', 'list'] };
    cluster.kubectl(['patch', 'clusterrole', 'portolan-read', '--type=merge', '-p', JSON.stringify({ rules: [rule] })]);
    const refused = read();
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('hosts.getambassador.io is forbidden');
    // What the page warns of.
    expect(fs.readFileSync(path.join(temp, 'cluster.json'), 'utf8')).toContain('"backend-mapping"');
    const direct = blockWith('sync.md', '--watch').slice(blockWith('sync.md', '--watch').indexOf('kubectl get'));
    expect(direct).toContain('&&');
    const kubeconfig = path.join(cluster.folder, 'ci.kubeconfig');
    const { code, stdout } = bash(
      direct.replace('--to cloudflare', '--to dir:direct'),
      { KUBECONFIG: kubeconfig },
      temp,
    );
    expect([code === 0, stdout, fs.existsSync(path.join(temp, 'direct'))]).toEqual([false, '', false]);
  });
});

/** A cluster without nodes has no use for the image. */
function withoutImage(block: string): string {
  return block.replace(/^docker .*$/m, '').replaceAll('…', '0123456789abcdef');
}

describe('docs/helm.md', () => {
  it('installs the chart', () => {
    const ran = bash(withoutImage(blockWith('helm.md', 'helm install')));
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(cluster.kubectl(['get', 'deployment', 'portolan', '-n', 'gateway', '-o', 'name'])).toContain('portolan');
    const config = cluster.kubectl(['get', 'configmap', 'portolan', '-n', 'gateway', '-o', 'jsonpath={.data}']);
    expect(config).toContain('defineConfig');
  });

  it('installs it as the CronJob of docs/sync.md, with identifiers that are only digits too', () => {
    expect(bash('helm uninstall portolan -n gateway')).toMatchObject({ code: 0 });
    const block = blockWith('sync.md', 'mode=cronjob').replaceAll('…', '1234');
    expect(bash(block)).toMatchObject({ code: 0, stderr: '' });
    const schedule = cluster.kubectl([
      'get',
      'cronjob',
      'portolan',
      '-n',
      'gateway',
      '-o',
      'jsonpath={.spec.schedule}',
    ]);
    expect(schedule).toBe('*/10 * * * *');
  });
});
