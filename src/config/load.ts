/**
 * Reads routes.config.ts from disk. The one file of this folder that needs Node.
 *
 * The file runs in a worker thread of its own each time: imports are always fresh, an endless loop
 * ends with the thread, and what it prints cannot mix with our results. This module is also that
 * thread's entry point (see the end), so it loads as little as possible.
 */
import { readFile } from 'node:fs/promises';
import * as nodeModule from 'node:module';
import * as path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { UserError } from '../diagnostics/errors.ts';
import { finding, type Finding, type Report } from '../diagnostics/finding.ts';
import type { Json } from '../model/route-model.ts';
import { toPlainData, type DataProblem } from './plain-data.ts';
import type { PortolanConfig } from './portolan-config.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
/** Node's exit code when a top-level await has nothing left to wait for. */
const UNSETTLED_AWAIT = 13;

export type LoadedConfig = {
  /** The default export as plain data; what is not data is null and listed in `notData`. */
  readonly value: Json | null;
  readonly notData: readonly DataProblem[];
  /** Source text of the file itself, for the lines of findings. */
  readonly text: string;
  /** Absolute paths of the file and of everything it imported, packages left out: what to watch. */
  readonly dependencies: readonly string[];
  /** Why there is no value: syntax, an exception, no default export. */
  readonly failure: Finding | null;
};

export type LoadOptions = {
  /** How long the file may run. Default 10,000. */
  readonly timeoutMs?: number;
};

/** Throws UserError when the file cannot be read; a file that cannot be run is a `failure`. */
export async function loadConfigFile(file: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  const absolute = path.resolve(file);
  const text = await readText(absolute, file);
  const outcome = await runInThread(absolute, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const dependencies = new Set([absolute, ...outcome.loaded]);
  const common = { text, dependencies: [...dependencies].toSorted() };
  if (outcome.kind === 'value') {
    return { ...common, value: outcome.value, notData: outcome.notData, failure: null };
  }
  const place = await placeOf(outcome, absolute, file);
  const source = { kind: 'Config', namespace: null, name: path.basename(file), ...place };
  const hint = outcome.hint ?? null;
  const failure = finding('error', 'config-not-loaded', outcome.message, { source, hint });
  return { ...common, value: null, notData: [], failure };
}

export type ReadConfig = {
  /** null: none of it can be used. */
  readonly config: PortolanConfig | null;
  readonly dependencies: readonly string[];
};

/** Loads and parses; everything wrong is reported. Throws UserError when the file cannot be read. */
export async function readConfigFile(file: string, report: Report, options: LoadOptions = {}): Promise<ReadConfig> {
  const loaded = await loadConfigFile(file, options);
  const { dependencies, failure } = loaded;
  if (failure !== null) {
    report(failure);
    return { config: null, dependencies };
  }
  // Loaded here and not above: the thread needs none of it, and its start is part of every reload.
  const { parseConfig } = await import('./parse.ts');
  return { config: parseConfig(loaded.value, report, file, loaded), dependencies };
}

async function readText(absolute: string, shown: string): Promise<string> {
  try {
    return await readFile(absolute, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const advice = code === 'ENOENT' ? 'portolan init writes a first one; --config none does without' : code;
    throw new UserError(`Cannot read the configuration ${shown}: ${advice}.`);
  }
}

type Failed = {
  readonly kind: 'failed';
  readonly loaded: readonly string[];
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
};
type Outcome =
  | {
      readonly kind: 'value';
      readonly loaded: readonly string[];
      readonly value: Json;
      readonly notData: DataProblem[];
    }
  | Failed;
type ThreadRequest = { readonly portolanConfig: string; readonly ownEntry: string };

async function runInThread(absolute: string, timeoutMs: number): Promise<Outcome> {
  const request: ThreadRequest = { portolanConfig: pathToFileURL(absolute).href, ownEntry: ownEntry() };
  const thread = new Worker(new URL(import.meta.url), {
    workerData: request,
    stdout: true,
    execArgv: QUIET,
  });
  // stdout belongs to our results.
  thread.stdout.pipe(process.stderr, { end: false });
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const fail = (message: string, stack?: string): void =>
    resolve({ kind: 'failed', loaded: [], message, ...(stack === undefined ? {} : { stack }) });
  const timer = setTimeout(() => fail(`The configuration did not finish within ${timeoutMs} ms.`), timeoutMs);
  thread.once('message', (outcome: Outcome) => resolve(outcome));
  thread.once('error', (error) => fail(`The configuration throws: ${messageOf(error)}.`, stackOf(error)));
  thread.once('exit', (code) =>
    fail(
      code === UNSETTLED_AWAIT
        ? 'The configuration waits for something that never happens.'
        : `The configuration ended its process (code ${code}) before it was read.`,
    ),
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    thread.stdout.unpipe(process.stderr);
    await thread.terminate();
  }
}

/** A folder whose package.json says no module type is nothing the author needs to hear about. */
const QUIET = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON', '--disable-warning=ExperimentalWarning'];

/** What `import … from 'portolan'` gives: this very package, wherever the configuration lies. */
function ownEntry(): string {
  return new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href;
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\.$/, '');
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : '';
}

/** File and line of a failure: the first place in the stack that is not Node's or ours. */
async function placeOf(
  { stack = '', message, loaded }: Failed,
  absolute: string,
  shown: string,
): Promise<{ file: string; line: number | null }> {
  const own = new Set([absolute, ...loaded]);
  for (const [, url, plain, line] of stack.matchAll(
    /(?:(file:\/\/[^\s():]+)|(\/[^\s():]+|[A-Za-z]:\\[^\s():]+)):(\d+)/g,
  )) {
    const found = url === undefined ? (plain ?? '') : fileURLToPath(url);
    if (own.has(found)) return { file: found === absolute ? shown : found, line: Number(line) };
  }
  const importing = /imported from (\S+?)\.?$/.exec(message)?.[1];
  if (importing === undefined || !own.has(importing)) return { file: shown, line: null };
  return { file: importing === absolute ? shown : importing, line: await importLine(importing, message) };
}

/** Line of the import of a module that does not exist. */
async function importLine(file: string, message: string): Promise<number | null> {
  const name = /'([^']+)'/.exec(message)?.[1];
  const text = name === undefined ? '' : await readFile(file, 'utf8').catch(() => '');
  const index = text.split('\n').findIndex((each) => name !== undefined && each.includes(path.basename(name)));
  return index === -1 ? null : index + 1;
}

/** The thread's half: imports the file and gives what it exports. */
async function runRequest({ portolanConfig, ownEntry }: ThreadRequest): Promise<Outcome> {
  const loaded: string[] = [];
  const ownFolder = new URL('.', ownEntry).href;
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'portolan' ? { url: ownEntry, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) => {
      const isPackage = url.startsWith(ownFolder) || url.includes('/node_modules/');
      if (url.startsWith('file:') && !isPackage) loaded.push(fileURLToPath(url));
      // `npm init` writes "type": "commonjs", and nobody writes a typed configuration with require().
      const isModule = context.format === 'commonjs-typescript' && url.endsWith('.ts');
      return next(url, isModule ? { ...context, format: 'module-typescript' } : context);
    },
  });
  let exported: { readonly default?: unknown };
  try {
    exported = await import(portolanConfig);
  } catch (error) {
    const missing = /^Cannot find module '(\/[^']+)'/.exec(messageOf(error))?.[1];
    if (missing !== undefined) loaded.push(missing);
    const isSyntax = error instanceof SyntaxError;
    const message = `The configuration cannot be ${isSyntax ? 'read' : 'run'}: ${messageOf(error)}.`;
    const place = isSyntax && stackOf(error).startsWith('SyntaxError') ? await syntaxPlace(loaded.at(-1)) : '';
    return { kind: 'failed', loaded, message, stack: place + stackOf(error) };
  }
  if (exported.default === undefined) {
    const hint = 'export default defineConfig({ … })';
    return { kind: 'failed', loaded, message: 'The configuration has no default export.', hint };
  }
  const notData: DataProblem[] = [];
  const value = toPlainData(exported.default, (problem) => notData.push(problem)) ?? null;
  return { kind: 'value', loaded, value, notData };
}

/**
 * `file:line` of a syntax error. V8 does not say where one in JavaScript is; the parser that removes
 * types does. The module that was loaded last is the one that could not be read.
 */
async function syntaxPlace(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  try {
    nodeModule.stripTypeScriptTypes(await readFile(file, 'utf8'));
    return '';
  } catch (error) {
    const line = /^[^\n]*:(\d+)\n/.exec(stackOf(error))?.[1];
    return line === undefined ? '' : `${file}:${line}\n`;
  }
}

function isThreadRequest(value: unknown): value is ThreadRequest {
  return typeof value === 'object' && value !== null && 'portolanConfig' in value;
}

if (!isMainThread && parentPort !== null && isThreadRequest(workerData)) {
  parentPort.postMessage(await runRequest(workerData), []);
}
