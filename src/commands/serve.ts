/** `portolan serve`: the gateway on workerd itself, for self-hosting. */
import type { JWK } from 'jose';
import { UserError } from '../diagnostics/errors.ts';
import { renderFindings, summarizeFindings } from '../diagnostics/render.ts';
import type { SupervisorOptions } from '../serve/supervisor.ts';
import { createLog } from '../serve/serve-log.ts';
import { defineCommand, EXIT_OK, type CommandContext } from './command.ts';
import { INPUT_OPTIONS } from './input-options.ts';
import { parsePort, usageError } from './parse-arguments.ts';
import { readSecrets } from './read-secrets.ts';
import { parseAdmin, parseDrain, parseProcesses } from './serve-options.ts';
import { servedSources } from './serve-sources.ts';
import { publicHalf, readSignKey, readVerifyKey } from './sign-key.ts';

const { target: _target, strict: _strict, ...sourceOptions } = INPUT_OPTIONS;

const SERVE_OPTIONS = {
  port: { type: 'string', short: 'p', value: 'N', help: 'public port' },
  host: { type: 'string', value: 'ADDRESS', help: 'address to listen on; default 127.0.0.1, 0.0.0.0 for all' },
  state: { type: 'string', value: 'DIR', help: 'program and Durable Objects; created if missing' },
  ...sourceOptions,
  processes: { type: 'string', value: 'N', help: 'edge processes; default one per core' },
  admin: { type: 'string', value: 'WHERE', help: 'HOST:PORT or unix:PATH; default unix:DIR/admin.sock' },
  'drain-seconds': { type: 'string', value: 'N', help: 'how long requests may finish at a stop; default 30' },
} as const;

type Context = CommandContext<typeof SERVE_OPTIONS>;

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'Serve on workerd itself: the gateway for your own machines.',
  usage: '--port N --state DIR [-f PATH]… [--config FILE] [options]',
  details: `
With -f or --config the sources are compiled, published into DIR and followed; without, what lies in DIR
is served and followed (\`portolan publish --to dir:DIR\`). Logs are JSON lines on stdout. The admin
socket answers GET /healthz, /readyz, /status and POST /reload. SIGTERM lets requests finish, SIGHUP
exchanges every process. PORTOLAN_VERIFY_KEY, a public Ed25519 JWK, refuses unsigned programs;
PORTOLAN_SIGN_KEY signs what the sources give; PORTOLAN_SECRET_NAME is the secret NAME of policies. See
docs/self-hosting.md.`,
  options: SERVE_OPTIONS,
  async run(context) {
    const { options, terminal } = context;
    if (options.state === undefined) throw usageError('serve', '--state DIR is needed: where the program lies.');
    // Loaded here: every other command starts without it.
    const settings = {
      stateFolder: options.state,
      workingFolder: terminal.cwd,
      processes: parseProcesses(options.processes),
      admin: parseAdmin(options.admin, terminal.cwd),
      drainMs: parseDrain(options['drain-seconds']),
      verifyKey: verifyKeyOf(terminal.env, options.file !== undefined || options.config !== undefined),
      secrets: readSecrets(terminal.env),
    };
    const { inheritedListener, launchSupervisor } = await import('../serve/listener.ts');
    const inherited = inheritedListener(terminal.env);
    if (inherited !== null) return supervise(context, settings, inherited);
    if (options.port === undefined) throw usageError('serve', '--port N is needed.');
    const port = parsePort('serve', options.port);
    const { killOrphans } = await import('../serve/process-table.ts');
    const { runFolderOf } = await import('../sockets/run-folder.ts');
    const runFolder = runFolderOf(options.state);
    return launchSupervisor({
      host: options.host ?? '127.0.0.1',
      port,
      environment: terminal.env,
      onAbandoned: () => void killOrphans(runFolder),
    });
  },
});

type Settings = Pick<
  SupervisorOptions,
  'stateFolder' | 'workingFolder' | 'processes' | 'admin' | 'drainMs' | 'verifyKey' | 'secrets'
>;
type Inherited = { readonly address: string | null; readonly orphaned: Promise<void> };

async function supervise(context: Context, settings: Settings, inherited: Inherited): Promise<number> {
  const { options, terminal } = context;
  const { Supervisor } = await import('../serve/supervisor.ts');
  const { LISTENER_FD } = await import('../serve/listener.ts');
  const { nodeSignals } = await import('../serve/node-signals.ts');
  const { loadWorkerCode } = await import('./worker-code.ts');
  const logOf = (process: string) => createLog(process, terminal.stdout);
  const log = logOf('supervisor');
  const signals = nodeSignals(inherited.orphaned);
  const sources =
    options.file === undefined && options.config === undefined
      ? null
      : servedSources({
          options,
          terminal,
          log,
          stateFolder: settings.stateFolder,
          onFirstFindings: (findings) => noteFindings(findings, context),
        });
  const began = performance.now();
  const workerCode = await loadWorkerCode();
  const supervisor = await Supervisor.start({
    ...settings,
    workerCode,
    listener: LISTENER_FD,
    logOf,
    onTable: signals.killAtExit,
    ...(sources !== null && { prepare: sources.prepare }),
  }).catch((error: unknown) => {
    throw isSystemError(error) ? new UserError(`cannot start in ${settings.stateFolder}: ${error.message}`) : error;
  });
  const follower = sources?.follow(supervisor.store, () => supervisor.reload());
  signals.onHangup(() =>
    supervisor.restart().catch((error: unknown) => log('error', 'restart-failed', { message: String(error) })),
  );
  log('info', 'ready', { address: inherited.address, tookMs: Math.round(performance.now() - began) });
  log('info', 'stopping', { reason: await signals.stopped });
  await follower?.close();
  await supervisor.stop();
  log('info', 'stopped');
  return EXIT_OK;
}

/** A full disk, a folder where a file should be: nothing that a stack would explain. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

function noteFindings(findings: Parameters<typeof renderFindings>[0], { note, terminal }: Context): void {
  if (findings.length > 0)
    note(`${renderFindings(findings, { color: terminal.color.stderr })}\n\n${summarizeFindings(findings)}\n`);
}

/** Whoever signs can verify: a node that publishes signed programs itself accepts no other. */
function verifyKeyOf(env: Context['terminal']['env'], hasSources: boolean): readonly JWK[] | null {
  const given = readVerifyKey(env['PORTOLAN_VERIFY_KEY']);
  const signing = readSignKey(env['PORTOLAN_SIGN_KEY']);
  if (given !== null && signing !== null)
    throw new UserError('Set PORTOLAN_SIGN_KEY or PORTOLAN_VERIFY_KEY, not both.');
  // They would take the place of a signed program, and then nothing would be served.
  if (given !== null && hasSources)
    throw new UserError(
      'PORTOLAN_VERIFY_KEY refuses unsigned programs, and the sources would be published unsigned: set PORTOLAN_SIGN_KEY in its place.',
    );
  return given ?? (signing === null ? null : [publicHalf(signing)]);
}
