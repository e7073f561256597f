/** The arrows of ARCHITECTURE.md, checked over the real imports. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const src = path.join(root, 'src');

/** What a place may import, as path prefixes below src; `name/` is a folder. Own folder is always allowed. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'worker.ts': ['gateway/', 'limits/', 'policies/', 'objects/', 'program/', 'diagnostics/', 'model/'],
  'cli.ts': ['commands/', 'diagnostics/'],
  'index.ts': ['config/', 'policies/', 'model/'],
  'diagnostics/': [],
  'model/': ['diagnostics/'],
  'keys/': ['diagnostics/', 'model/'],
  'limits/': [],
  'program/': ['model/', 'diagnostics/'],
  'policies/': ['keys/', 'limits/', 'model/', 'program/', 'diagnostics/'],
  'config/': ['model/', 'policies/', 'diagnostics/'],
  'resources/': ['model/', 'policies/', 'diagnostics/'],
  'crds/': ['resources/'],
  'compile/build-program.ts': ['model/', 'program/', 'policies/', 'diagnostics/', 'config/', 'resources/', 'compile/'],
  'compile/': ['model/', 'program/', 'policies/', 'diagnostics/'],
  'gateway/': ['limits/', 'program/', 'policies/', 'diagnostics/', 'model/'],
  'explain/': ['compile/', 'gateway/', 'limits/', 'policies/', 'program/', 'diagnostics/', 'model/'],
  'objects/': ['limits/', 'policies/', 'diagnostics/'],
  'access-log/': ['gateway/', 'limits/', 'policies/', 'diagnostics/', 'model/'],
  'sockets/': ['limits/', 'diagnostics/'],
  'stores/': ['keys/', 'program/', 'sockets/', 'diagnostics/'],
  'follow/': ['keys/', 'model/', 'program/', 'diagnostics/'],
  'tls/': ['program/', 'diagnostics/'],
  'dev/': ['follow/', 'compile/', 'program/', 'sockets/', 'stores/', 'tls/', 'diagnostics/', 'model/'],
  'sync/': ['follow/', 'compile/', 'config/', 'program/', 'stores/', 'resources/', 'diagnostics/'],
  'serve/': ['follow/', 'program/', 'sockets/', 'stores/', 'tls/', 'diagnostics/'],
  'commands/': [
    'access-log/',
    'compile/',
    'config/',
    'dev/',
    'diagnostics/',
    'explain/',
    'follow/',
    'keys/',
    'limits/',
    'model/',
    'policies/',
    'program/',
    'resources/',
    'serve/',
    'sockets/',
    'sync/',
    'stores/',
  ],
};

/** Packages and built-ins that a place must never load, because it runs where they do not exist or weighs on every isolate. */
const FORBIDDEN_PACKAGES: Readonly<Record<string, RegExp>> = {
  'worker.ts': /^(node:|zod|yaml|miniflare|wrangler|esbuild)/,
  'gateway/': /^(node:|zod|yaml|miniflare|wrangler|esbuild|cloudflare:)/,
  'objects/': /^(node:|zod|yaml|miniflare|wrangler|esbuild)/,
  'model/': /^(node:|zod|yaml|cloudflare:)/,
  'program/': /^(node:|zod|yaml|cloudflare:)/,
  'keys/': /^(node:|zod|yaml|cloudflare:)/,
  'limits/': /^(node:|zod|yaml|cloudflare:)/,
  'diagnostics/': /^(node:|zod|yaml|cloudflare:)/,
  'access-log/': /^(node:|cloudflare:)/,
  'compile/': /^(node:|yaml|cloudflare:)/,
  'resources/': /^(node:|cloudflare:)/,
  'crds/': /^(node:|cloudflare:)/,
  'explain/': /^(node:|cloudflare:)/,
};

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

const files = fs.readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const imports: readonly Import[] = files.flatMap((from) => importsOf(from));

describe('architecture', () => {
  it('reads a real tree', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(imports.length).toBeGreaterThan(100);
  });

  it('has no arrow that ARCHITECTURE.md does not draw', () => {
    const bad = imports.filter(({ from, to }) => to.startsWith('.') && !isAllowed(from, targetOf(from, to)));
    expect(bad.map(({ from, to }) => `${from} → ${targetOf(from, to)}`)).toEqual([]);
  });

  it('keeps request-time code away from build-time code, however far the way', () => {
    const loaded = reachedFrom('worker.ts');
    expect(loaded.size).toBeGreaterThan(100);
    expect([...loaded].filter((file) => file.startsWith('policies/')).length).toBeGreaterThan(20);
    const bad = [...loaded].filter((file) =>
      /(^|\/)(lower|lower-[a-z-]+|lowerings|method-lowerings|options|[a-z-]+-options)\.ts$|^zod|^yaml|^node:|^compile\/|^config\/|^resources\//.test(
        file,
      ),
    );
    expect(bad).toEqual([]);
  });

  it('loads no package where it cannot run', () => {
    const bad = imports.filter(({ from, to }) => {
      const rule = FORBIDDEN_PACKAGES[ruleFor(from, FORBIDDEN_PACKAGES) ?? ''];
      return rule !== undefined && rule.test(to);
    });
    expect(bad.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('keeps the rules of the house', () => {
    const banned = files.filter((name) => /(^|\/)(utils|common|helpers|types)\//.test(name));
    expect(banned).toEqual([]);
    const long = files.filter((name) => fs.readFileSync(path.join(src, name), 'utf8').split('\n').length > 401);
    expect(long).toEqual([]);
  });

  it('names no machine of ours', () => {
    const mentions = files.filter((name) => /\/work\/|\/root\//.test(fs.readFileSync(path.join(src, name), 'utf8')));
    expect(mentions).toEqual([]);
  });
});

function importsOf(from: string): Import[] {
  const text = fs.readFileSync(path.join(src, from), 'utf8');
  const found: Import[] = [];
  for (const [, kind, to] of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm))
    found.push({ from, to: to ?? '', typeOnly: kind !== undefined });
  for (const [, to] of text.matchAll(/\bimport\('([^']+)'\)/g)) found.push({ from, to: to ?? '', typeOnly: false });
  return found;
}

/** Files of ours and packages that are loaded with this file. */
function reachedFrom(start: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const queue = [start];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const { from, to, typeOnly } of imports) {
      if (from === file && !typeOnly) queue.push(to.startsWith('.') ? targetOf(from, to) : to);
    }
  }
  return reached;
}

function targetOf(from: string, to: string): string {
  return path.relative(src, path.resolve(src, path.dirname(from), to));
}

function ruleFor(file: string, rules: Readonly<Record<string, unknown>>): string | undefined {
  if (file in rules) return file;
  const folder = `${file.split('/')[0] ?? ''}/`;
  return folder in rules ? folder : undefined;
}

function isAllowed(from: string, target: string): boolean {
  const rule = ruleFor(from, ALLOWED);
  if (rule === undefined) return false;
  const own = rule.endsWith('/') && target.startsWith(rule);
  const exception =
    target === 'compile/build-program.ts' &&
    ['dev/', 'follow/', 'serve/', 'sync/', 'commands/', 'explain/'].includes(rule);
  const viaIndex = target === 'index.ts' && rule === 'commands/';
  return own || exception || viaIndex || (ALLOWED[rule] ?? []).some((prefix) => target.startsWith(prefix));
}
