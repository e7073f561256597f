/** `portolan publish`: sources → a store that a gateway reads. */
import { buildProgram } from '../compile/build-program.ts';
import { countFindings } from '../diagnostics/finding.ts';
import { reasonNotToPublish } from '../follow/reason-not-to-publish.ts';
import { withSecrets } from '../follow/secret-keys.ts';
import { encodeProgram } from '../program/encode.ts';
import { loadSources, publishProgram } from '../program/publish.ts';
import type { StoreTarget } from '../stores/store-target.ts';
import { buildOptions } from './build-from-options.ts';
import { defineCommand, EXIT_OK } from './command.ts';
import { exitCodeFor } from './finding-output.ts';
import { INPUT_OPTIONS, type InputOptions } from './input-options.ts';
import { openStore } from './open-store.ts';
import { usageError } from './parse-arguments.ts';
import { tellOutcome } from './publish-outcome.ts';
import { parsePublishTarget } from './publish-targets.ts';
import { keysOfDocuments } from './secret-keys.ts';
import { readSignKey } from './sign-key.ts';
import { loadInput, reasonOfNoManifest } from './sources.ts';

export const publishCommand = defineCommand({
  name: 'publish',
  summary: 'Write the program to where a gateway reads it.',
  usage: '--to local|dir:PATH|cloudflare [-f PATH]… [options]',
  details: `
local is the development server's KV, dir:PATH a state folder for self-hosting, cloudflare Workers KV
(CLOUDFLARE_ACCOUNT_ID, PORTOLAN_KV_NAMESPACE_ID, CLOUDFLARE_API_TOKEN). PORTOLAN_SIGN_KEY, a private
Ed25519 JWK, signs the version. What a broken resource said when it was last published stays live.
Exit code 3 when some published route refuses, 1 when nothing was published because of errors.
JSON: {to, published, reason, version, sequence, written, kept, pruned, prunedBlocked, node, refusals: [{id,
status, code, message, source}], resources, routes, findings, counts}.`,
  options: {
    ...INPUT_OPTIONS,
    to: { type: 'string', value: 'PLACE', help: 'local, dir:PATH or cloudflare' },
    'allow-empty': {
      type: 'boolean',
      help: 'publish although -f brings no resource, or there is no route at all',
    },
  },
  async run(context) {
    const { options, terminal } = context;
    const target = parsePublishTarget(options.to);
    const chosen = withTarget(options, target);
    const signKey = readSignKey(terminal.env['PORTOLAN_SIGN_KEY']);
    const { input, secrets } = await loadInput(chosen, terminal);
    const keys = keysOfDocuments(() => secrets, target, terminal);
    const opened = await openStore(target, terminal);
    const { store } = opened;
    try {
      const now = new Date().toISOString();
      const previous = await loadSources(store, signKey === null ? {} : { verifyKey: signKey });
      const unresolved = target.kind === 'local' ? 'echo' : 'refuse';
      const looked = await keys.look(input, previous);
      const result = buildProgram(withSecrets(input, looked), { ...buildOptions(chosen), unresolved, previous, now });
      const allowEmpty = options['allow-empty'] === true;
      const isRefusedByStrict =
        options.strict === true && exitCodeFor(countFindings(result.findings), true) !== EXIT_OK;
      const reason = isRefusedByStrict
        ? 'there are errors or warnings (--strict)'
        : (reasonNotToPublish(result, previous) ??
          (allowEmpty ? null : reasonOfNoManifest(chosen, input, '; --allow-empty publishes the configuration alone')));
      if (reason !== null) return tellOutcome(context, target, result, { reason, report: null, poke: null });
      await keys.add(looked);
      const report = await publishProgram(store, await encodeProgram(result.program), {
        now,
        sources: result.accepted,
        allowEmpty,
        ...(signKey !== null && { signKey }),
      });
      await keys.takeBack(looked, report.skipped === 'empty' ? null : result.accepted);
      const poke = report.skipped === null ? await opened.announce() : null;
      return tellOutcome(context, target, result, { reason: report.skipped === 'empty' ? EMPTY : null, report, poke });
    } finally {
      await keys.close();
      await opened.close();
    }
  },
});

const EMPTY = 'there is no route in the sources; --allow-empty publishes that all the same';

function withTarget(options: InputOptions, target: StoreTarget): InputOptions {
  if (target.kind !== 'cloudflare') return options;
  if (options.target === 'self-hosted') {
    throw usageError('publish', '--to cloudflare does not go with --target self-hosted.');
  }
  return { ...options, target: 'cloudflare' };
}
