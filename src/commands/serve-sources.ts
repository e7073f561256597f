/** `serve` with sources: compiled and published into the state folder at start, and again at every change. */
import { BuildCache } from '../compile/build-program.ts';
import type { BuildResult } from '../compile/build-program.ts';
import { UserError } from '../diagnostics/errors.ts';
import { countFindings, type Finding } from '../diagnostics/finding.ts';
import { followSources, type SourceFollower } from '../follow/follow-sources.ts';
import { reasonNotToPublish } from '../follow/reason-not-to-publish.ts';
import { withSecrets } from '../follow/secret-keys.ts';
import { SourcePublisher } from '../follow/source-publisher.ts';
import type { ProgramStore, PublishReport } from '../program/publish.ts';
import { ManifestCache } from '../resources/manifests.ts';
import type { ServeLog } from '../serve/serve-log.ts';
import { buildOptions } from './build-from-options.ts';
import type { Terminal } from './command.ts';
import type { InputOptions } from './input-options.ts';
import { keysOfDocuments } from './secret-keys.ts';
import { readSignKey } from './sign-key.ts';
import { loadInput, reasonOfNoManifest, type LoadedInput } from './sources.ts';

export type ServedSources = {
  /** Throws UserError when the sources as a whole are no program to serve. */
  readonly prepare: (store: ProgramStore) => Promise<void>;
  /** `onPublished` is called after every later publish. */
  readonly follow: (store: ProgramStore, onPublished: () => Promise<unknown>) => SourceFollower;
};

export type ServedSourcesOptions = {
  readonly options: InputOptions;
  readonly terminal: Pick<Terminal, 'cwd' | 'stdin' | 'env'>;
  /** Of the first build, to be read by a person. */
  readonly onFirstFindings: (findings: readonly Finding[]) => void;
  readonly log: ServeLog;
  /** Where keys of Secrets go. */
  readonly stateFolder: string;
};

export function servedSources(given: ServedSourcesOptions): ServedSources {
  const { options, terminal, onFirstFindings, log, stateFolder } = given;
  const signKey = readSignKey(terminal.env['PORTOLAN_SIGN_KEY']);
  const publisher = new SourcePublisher({
    build: { ...buildOptions(options), cache: new BuildCache() },
    ...(signKey !== null && { signKey }),
  });
  const manifests = new ManifestCache();
  const load = (): Promise<LoadedInput> => loadInput(options, terminal, manifests);
  let secrets: LoadedInput['secrets'] = [];
  const keys = keysOfDocuments(() => secrets, { kind: 'folder', path: stateFolder }, terminal);
  let watch: readonly string[] = [];
  let onFindings = onFirstFindings;

  async function publish(store: ProgramStore, { input, ...loaded }: LoadedInput): Promise<void> {
    ({ secrets } = loaded);
    const looked = await keys.look(input, publisher.accepted);
    const result = publisher.build(withSecrets(input, looked));
    const reason = reasonNotToPublish(result, publisher.accepted) ?? reasonOfNoManifest(options, input);
    if (reason !== null) {
      onFindings(result.findings);
      throw new UserError(`nothing was published: ${reason}`);
    }
    await keys.add(looked);
    const report = await publisher.publish(store, result, true);
    await keys.takeBack(looked, report.skipped === 'empty' ? null : result.accepted);
    log(report.skipped === 'empty' ? 'warning' : 'info', 'published', publishedFields(result, report));
    onFindings(result.findings);
  }

  return {
    prepare: async (store) => {
      await publisher.recall(store);
      const loaded = await load();
      await publish(store, loaded);
      ({ watch } = loaded);
      onFindings = (findings) => logFindings(findings, log);
    },
    follow: (store, onPublished) =>
      followSources({
        watch,
        load,
        onLoaded: async (loaded) => {
          await publish(store, loaded);
          await onPublished();
        },
        onFailed: (message) => log('error', 'not-published', { message }),
      }),
  };
}

function publishedFields({ counts, findings }: BuildResult, report: PublishReport): Readonly<Record<string, unknown>> {
  const { version, skipped, written } = report;
  return { version, skipped, written: written.length, routes: counts.routes, findings: countFindings(findings) };
}

/** Information was printed at start; what changes later and matters is a line each. */
function logFindings(findings: readonly Finding[], log: ServeLog): void {
  for (const { severity, code, message, source, path, hint } of findings) {
    if (severity !== 'info') log(severity, 'finding', { code, message, source, path, hint });
  }
}
