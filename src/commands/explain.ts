/** `portolan explain METHOD URL`: what would happen to one request, and why. */
import { createExplainer } from '../explain/explain.ts';
import { requestProblem, type ProbeRequest } from '../explain/probe-request.ts';
import { buildFromOptions } from './build-from-options.ts';
import { defineCommand, EXIT_OK, type OptionValues } from './command.ts';
import { renderExplanation } from './explain-render.ts';
import {
  CREDENTIAL_OPTIONS,
  openKnowledge,
  readCredential,
  redacted,
  redactedJson,
  withCredential,
} from './explain-credential.ts';
import { INPUT_OPTIONS } from './input-options.ts';
import { noteErrorCount } from './noted-errors.ts';
import { usageError } from './parse-arguments.ts';

const OPTIONS = {
  ...INPUT_OPTIONS,
  header: { type: 'string', short: 'H', multiple: true, value: "'NAME: VALUE'", help: 'request header' },
  'client-ip': { type: 'string', value: 'IP', help: 'address of the client; default 127.0.0.1' },
  ...CREDENTIAL_OPTIONS,
  echo: { type: 'boolean', help: 'as portolan dev: services that nothing resolves have echo backends' },
} as const;

export const explainCommand = defineCommand({
  name: 'explain',
  summary: 'Say what would happen to one request, and why.',
  usage: "METHOD URL [-H 'NAME: VALUE']… [options]",
  details: `
Offline, with the Worker's own matcher and policies. The URL is read as text: nothing in it is normalised
before the gateway's own rules are applied. A Host header replaces the URL's host. The credential of --token
or --key is never printed. Exit code 0 whatever the outcome.
JSON: {outcome, status, code, route: {id, source},
nearMisses: [{source, failed, expected, actual}], policies: [{name, source, input, note, decision, code}],
consumer: {id, kind, plan}, request: {path, canonicalPath}, upstream: {url, host, headers},
candidates: [{url, weight}], location}; what does not exist is null. docs/explain.md tells more.`,
  options: OPTIONS,
  positionals: { min: 2, max: 2 },
  async run(context) {
    const { options, positionals, json, print, printJson, terminal } = context;
    const request = toRequest(positionals, options);
    const credential = await readCredential(options, terminal);
    const shown = withCredential(request, credential);
    const problem = requestProblem(shown);
    if (problem !== null) throw usageError('explain', problem);
    const overrides = options.echo === true ? { unresolved: 'echo' as const } : {};
    const { program, model, findings } = await buildFromOptions(options, terminal, overrides);
    const { knowledge, close } = await openKnowledge(options, program, terminal);
    try {
      const explainer = createExplainer(program, { model, startTime: new Date(), knowledge });
      const explained = await explainer.explain(shown);
      if (json) printJson(redactedJson(explained.explanation, credential));
      else print(redacted(renderExplanation(request, explained, { color: terminal.color.stdout }), credential));
    } finally {
      await close();
    }
    noteErrorCount(findings, context);
    return EXIT_OK;
  },
});

function toRequest([method = '', url = '']: readonly string[], options: OptionValues<typeof OPTIONS>): ProbeRequest {
  const clientIp = options['client-ip'];
  const request: ProbeRequest = {
    // As curl: `get` is no method that anybody means.
    method: /^[a-z]+$/.test(method) ? method.toUpperCase() : method,
    url,
    headers: (options.header ?? []).map(parseHeader),
    ...(clientIp !== undefined && { clientIp }),
  };
  const problem = requestProblem(request);
  if (problem !== null) throw usageError('explain', problem);
  return request;
}

function parseHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(':', 1);
  if (colon < 0) throw usageError('explain', `A header is written 'NAME: VALUE'; got "${text}".`);
  return [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
}
