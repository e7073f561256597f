/** `portolan limits`: what a limit would do, and what counters say. */
import { defineCommand } from './command.ts';
import { counters } from './limits-counters.ts';
import { LIMITS_OPTIONS, parseLimitsAction } from './limits-options.ts';
import { planLimits } from './limits-plan.ts';

export const limitsCommand = defineCommand({
  name: 'limits',
  summary: 'Try a rate limit on an access log; show and reset counters.',
  usage: 'plan LOG… --rate N --unit UNIT [options] | show|reset KEY… --to PLACE',
  details: `
plan tells from access logs (files, .gz too, or -) whom a limit would have refused, by the gateway's own
arithmetic at the log's own times. It reads JSON lines (Envoy, Caddy, nginx; others with --field), Common
and Combined Log Format, and Envoy's default format, mixed if need be. show and reset are for the counters
of a running \`portolan serve\` or \`portolan dev\`; \`portolan explain\` prints the KEYs of a request.
JSON of plan: {limits: [{name, words, limit, refused}], from, to, requests, refused, share, unconcerned,
invalid, late, keys: {keys, dropped, refused}, top: [{limit, key, requests, refused, longestRun, share,
firstRefusal, lastRefusal}], hours: [{hour, requests, refused}], findings, counts}; of show and reset:
{counters: [{key, limit, words, remaining, resetMs, retryAfterMs, inUse, unavailable}]}, of reset as they
were. Exit code 3: some lines could not be used, or some counters not be asked. docs/how-to has a page.`,
  options: LIMITS_OPTIONS,
  positionals: { min: 1, max: 1_000 },
  async run(context) {
    const [word, ...rest] = context.positionals;
    const action = parseLimitsAction(word, context.options);
    if (action === 'plan') return planLimits(rest, context);
    return counters({ action, keys: rest, to: context.options.to, state: context.options.state }, context);
  },
});
