/** `portolan limits plan`: whom a proposed limit would have refused, told from an access log. */
import * as fs from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { AccessEntry } from '../access-log/entry.ts';
import { inOrder } from '../access-log/in-order.ts';
import { limitsOf, needsOf, tells, type LogNeeds } from '../access-log/log-needs.ts';
import { LimitPlan } from '../access-log/plan-limits.ts';
import { LogTally, readEntries } from '../access-log/read-log.ts';
import { UserError } from '../diagnostics/errors.ts';
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import type { CompiledRateLimit } from '../policies/rate-limit/compiled.ts';
import { EXIT_OK, EXIT_PARTLY, type CommandContext, type Terminal } from './command.ts';
import { findingsJson, noteFindings } from './finding-output.ts';
import { logFindings, type ReadLog } from './limits-findings.ts';
import { parseFields, proposedLimits, wholeNumber, type LimitsOptions } from './limits-options.ts';
import { planJson, renderPlan } from './limits-plan-output.ts';
import { usageError } from './parse-arguments.ts';
import { STDIN } from './source-files.ts';

/** After this many requests of which none has a duration, none will. */
const ENOUGH_REQUESTS = 1_000;
/** The system allows a process about a thousand open files. */
const MAX_FILES = 500;

type Context = Pick<CommandContext, 'json' | 'print' | 'printJson' | 'note' | 'terminal'> & {
  readonly options: LimitsOptions;
};

/** Returns the exit code: 0, or 3 when something of the log could not be used. */
export async function planLimits(files: readonly string[], context: Context): Promise<number> {
  const { options, terminal } = context;
  const { config, findings: doubts } = proposedLimits(options);
  const top = wholeNumber(options.top ?? '10', '--top', 0);
  const logs = files.map((file) => ({ file, tally: new LogTally() }));
  if (files.length === 0) throw usageError('limits', '`limits plan` needs a LOG, or - for standard input.');
  if (files.length > MAX_FILES) throw usageError('limits', `At most ${MAX_FILES} logs are read at a time.`);
  if (files.filter((file) => file === STDIN).length > 1)
    throw usageError('limits', 'Standard input can be read once only.');
  const needs = needsOf(config);
  const read = {
    fields: parseFields(options.field),
    wanted: needs.wanted,
    needsAddress: needs.address,
    trustedHops: wholeNumber(options['trusted-hops'] ?? '0', '--trusted-hops', 0),
  };
  const entries = inOrder(logs.map(({ file, tally }) => readEntries(openLog(file, terminal), read, tally)));
  const { plan, sightings } = await simulate(config, needs, entries);
  const findings = [...doubts, ...logFindings({ logs, plan, config, sightings })];
  if (plan.counts.requests === 0) throw nothingRead(logs, findings, context);
  const limits = limitsOf(config);
  if (context.json) context.printJson({ ...planJson(plan, limits, top), ...findingsJson(findings) });
  else {
    noteFindings(findings, context);
    for (const line of renderPlan(plan, limits, { top, byHour: options['by-hour'] === true })) context.print(line);
  }
  return countFindings(findings).warning > 0 ? EXIT_PARTLY : EXIT_OK;
}

async function simulate(config: CompiledRateLimit, needs: LogNeeds, entries: AsyncIterable<AccessEntry>) {
  const plan = new LimitPlan(config);
  const sightings = new Map(needs.names.map((name) => [name, 0]));
  for await (const entry of entries) {
    for (const [name, count] of sightings) if (tells(entry, name)) sightings.set(name, count + 1);
    const judged = plan.add(entry);
    if (judged !== undefined) await judged;
    if (plan.counts.requests === ENOUGH_REQUESTS) assertDurations(sightings);
  }
  if (plan.counts.requests > 0) assertDurations(sightings);
  return { plan, sightings };
}

/** How many requests are under way cannot be told from when they began. */
function assertDurations(sightings: ReadonlyMap<string, number>): void {
  if (sightings.get('duration') !== 0) return;
  throw new UserError(
    'a concurrency limit cannot be planned from this log: it does not say how long requests took. ' +
      'JSON lines may say it in a field (--field duration=PATH in milliseconds, duration-s=PATH in seconds), ' +
      'and the formats of Envoy and Caddy do',
  );
}

function nothingRead(logs: readonly ReadLog[], findings: readonly Finding[], context: Context): UserError {
  noteFindings(findings, context);
  const names = logs.map(({ file }) => (file === STDIN ? 'standard input' : file)).join(', ');
  const isEmpty = logs.every(({ tally }) => tally.skipped.length === 0);
  return new UserError(isEmpty ? `there is no request in ${names}` : `no request can be read from ${names}`);
}

/** Opened when it is first read. Throws UserError when it cannot be. */
async function* openLog(file: string, { cwd, stdin }: Terminal): AsyncGenerator<Uint8Array | string> {
  if (file === STDIN) {
    yield* stdin;
    return;
  }
  const stream: Readable = fs.createReadStream(resolve(cwd, file), { highWaterMark: 256 * 1024 });
  try {
    const chunks: AsyncIterable<Uint8Array> = file.endsWith('.gz') ? pipeGunzip(stream) : stream;
    yield* chunks;
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    stream.destroy();
  }
}

function pipeGunzip(stream: Readable): AsyncIterable<Uint8Array> {
  const gunzip = createGunzip();
  stream.once('error', (error) => gunzip.destroy(error));
  return stream.pipe(gunzip);
}
