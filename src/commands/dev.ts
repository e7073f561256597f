/** `portolan dev`: the gateway on this machine, with the sources as they are now. */
import { renderFindings } from '../diagnostics/render.ts';
import { SourcesUnusable } from '../follow/sources-unusable.ts';
import type { DevEvent, DevServer } from '../dev/dev-server.ts';
import { localStateFolder } from '../dev/state-folder.ts';
import { BuildCache } from '../compile/build-program.ts';
import { ManifestCache } from '../resources/manifests.ts';
import { buildOptions } from './build-from-options.ts';
import { defineCommand, EXIT_OK, type CommandContext, type Terminal } from './command.ts';
import { renderPublished, renderReady, publishedJson, readyJson } from './dev-output.ts';
import { INPUT_OPTIONS, type InputOptions } from './input-options.ts';
import { parsePort } from './parse-arguments.ts';
import { readSecrets } from './read-secrets.ts';
import { documentReader } from './secret-keys.ts';
import { loadInput, reasonOfNoManifest, type LoadedInput } from './sources.ts';

const DEFAULT_PORT = '8787';

export const devCommand = defineCommand({
  name: 'dev',
  summary: 'Serve the sources on this machine and follow every change.',
  usage: '[-f PATH]… [--port N] [options]',
  details: `
Runs the Worker in workerd with KV and Durable Objects on disk (.portolan/dev). Every service that the
configuration does not resolve gets an echo backend, so a folder of manifests works as it is. The port
opens when the first program and all backends are up. PORT in the environment is the default of --port;
PORTOLAN_SECRET_NAME is the secret NAME of policies.
With --json: one JSON object a line, {event: "ready" | "published" | "failed" | "log", …}.`,
  options: {
    ...INPUT_OPTIONS,
    port: { type: 'string', short: 'p', value: 'N', help: 'port on 127.0.0.1; default $PORT or 8787' },
    'no-echo': { type: 'boolean', help: 'no echo backends: services that nothing resolves refuse' },
    state: { type: 'string', value: 'DIR', help: 'where KV and Durable Objects lie; default .portolan/dev' },
  },
  async run(context) {
    const { options, terminal } = context;
    const stopped = terminal.stopped();
    const stdin = replayable(terminal.stdin);
    const manifests = new ManifestCache();
    const started = performance.now();
    // Loaded here: miniflare is heavy, and every other command starts without it.
    const { startDevServer } = await import('../dev/dev-server.ts');
    const { loadWorkerCode } = await import('./worker-code.ts');
    let server: DevServer | undefined;
    server = await startDevServer({
      port:
        options.port === undefined
          ? parsePort('dev', terminal.env['PORT'] ?? DEFAULT_PORT, 'PORT')
          : parsePort('dev', options.port),
      stateFolder: options.state ?? localStateFolder(terminal.cwd),
      workingFolder: terminal.cwd,
      workerCode: await loadWorkerCode(),
      echo: options['no-echo'] !== true,
      secrets: readSecrets(terminal.env),
      build: { ...buildOptions(options), cache: new BuildCache() },
      load: async () => {
        const loaded = await loadUsable(options, { cwd: terminal.cwd, stdin: stdin() }, manifests);
        // Whoever starts may have no manifest yet; later there are routes to lose.
        const reason = server === undefined ? null : reasonOfNoManifest(options, loaded.input);
        if (reason !== null) throw new SourcesUnusable(reason, loaded.watch);
        return { ...loaded, secretReader: documentReader(() => loaded.secrets, null) };
      },
      // The first build is part of what "ready" prints.
      onEvent: (event) => {
        if (server !== undefined || event.type !== 'published') printEvent(event, context);
      },
    });
    printReady(server, performance.now() - started, context);
    // Asked for again: miniflare's own handlers would end the process in the middle of our orderly end.
    await Promise.race([stopped, terminal.stopped()]);
    await server.close();
    return EXIT_OK;
  },
});

/** A configuration that cannot be read must not take the routes it defines away: the last program keeps serving. */
async function loadUsable(
  options: InputOptions,
  terminal: Pick<Terminal, 'cwd' | 'stdin'>,
  manifests: ManifestCache,
): Promise<LoadedInput> {
  const loaded = await loadInput(options, terminal, manifests);
  if (!loaded.configUnusable) return loaded;
  throw new SourcesUnusable(renderFindings(loaded.input.initialFindings ?? []), loaded.watch);
}

type Output = Pick<CommandContext, 'json' | 'print' | 'note' | 'terminal'>;

function printReady(server: DevServer, tookMs: number, { json, print, note, terminal }: Output): void {
  if (json) return print(JSON.stringify(readyJson(server, tookMs)));
  const { findings, summary } = renderReady(server, tookMs, terminal.color.stderr);
  if (findings !== '') note(findings);
  print(summary);
}

function printEvent(event: DevEvent, { json, print, note, terminal }: Output): void {
  if (event.type === 'published') {
    if (json) return print(JSON.stringify(publishedJson(event)));
    return note(renderPublished(event, terminal.color.stderr));
  }
  if (json)
    return print(
      JSON.stringify({
        event: event.type,
        ...(event.type === 'log' ? { line: event.line } : { message: event.message }),
      }),
    );
  note(event.type === 'log' ? event.line : `not republished: ${event.message}`);
}

/** Standard input can be read once; rebuilds read what was kept. */
function replayable(stdin: Terminal['stdin']): () => Terminal['stdin'] {
  const chunks: (Uint8Array | string)[] = [];
  let consumed = false;
  return async function* replay() {
    if (consumed) {
      yield* chunks;
      return;
    }
    consumed = true;
    for await (const chunk of stdin) {
      chunks.push(chunk);
      yield chunk;
    }
  };
}
