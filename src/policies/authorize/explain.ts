/** Which rule would decide, as far as that can be said without knowing who is calling and when. */
import { RE2JS } from 're2js';
import type { Json } from '../../model/route-model.ts';
import type { CompiledRegex } from '../../program/route-program.ts';
import type { PolicyExplanation, RequestFacts } from '../contract.ts';
import type { CompiledAuthorize, CompiledRule } from './compiled.ts';
import { REQUEST_BUDGET } from './cost.ts';
import { prepareAuthorize, type PreparedAuthorize } from './decide.ts';
import { FactsView } from './facts-view.ts';

export function explainAuthorize(config: CompiledAuthorize, facts: RequestFacts): PolicyExplanation {
  const prepared = prepareAuthorize(config, search);
  const input = inputOf(config.rules, facts);
  if (prepared.dryRun) {
    return {
      input,
      note: `dry run, nothing is refused; if it were enforced, ${follow(prepared.trial ?? [], facts).note}`,
    };
  }
  const { note, denies } = follow(prepared.enforced, facts);
  const tried =
    prepared.trial === null ? '' : `; if the rules of the dry run were enforced, ${follow(prepared.trial, facts).note}`;
  return { input, note: note + tried, ...(denies && { answersWith: 403 }) };
}

/** Walks the rules as the request would, and past those that depend on what is not known here. */
function follow(
  rules: PreparedAuthorize['enforced'],
  facts: RequestFacts,
): { readonly note: string; /** Whatever is not known. */ readonly denies: boolean } {
  const view = new FactsView(facts, 'unknown', 'unknown');
  const budget = { left: REQUEST_BUDGET };
  const open: CompiledRule[] = [];
  for (const rule of rules) {
    const verdict = rule.holds(view, budget);
    if (verdict === false) continue;
    const isUnknown = typeof verdict !== 'boolean' && verdict.error === 'unknown';
    if (isUnknown || rule.scope !== undefined) {
      open.push(rule);
      continue;
    }
    const end =
      verdict === true
        ? `rule ${rule.name} ${rule.effect === 'allow' ? 'allows it' : 'refuses it: 403 access-denied'}`
        : `rule ${rule.name} cannot be decided: 403 authorize-error`;
    return conclude(end, verdict !== true || rule.effect === 'deny', open);
  }
  return conclude('no rule allows it: 403 access-denied', true, open);
}

function conclude(end: string, denies: boolean, open: readonly CompiledRule[]): { note: string; denies: boolean } {
  if (open.length === 0) return { note: end, denies };
  const names = open.map(({ name }) => name).join(', ');
  const on = new Set(open.flatMap(({ reads, scope }) => dependencies(reads, scope)));
  const depends = `it depends on ${[...on].join(' and ')} whether ${open.length === 1 ? 'rule' : 'one of the rules'} ${names} decides; else ${end}`;
  return { note: depends, denies: denies && open.every(({ effect }) => effect === 'deny') };
}

function dependencies(reads: readonly string[], scope: readonly string[] | undefined): readonly string[] {
  const byCaller = scope !== undefined || reads.includes('consumer') || reads.includes('claims');
  return [...(byCaller ? ['who is calling'] : []), ...(reads.includes('now') ? ['the time'] : [])];
}

/** What the rules read and is known here. */
function inputOf(rules: readonly CompiledRule[], facts: RequestFacts): Json {
  const reads = new Set(rules.flatMap((rule) => rule.reads));
  return {
    ...(reads.has('request') && { method: facts.method, host: facts.hostname, path: facts.path, query: facts.query }),
    ...(reads.has('address') && { address: facts.clientIp }),
    ...(reads.has('country') && { country: facts.place?.country ?? null }),
  };
}

/** As the gateway runs it; it was compiled for searching. */
function search({ engine, source, flags }: CompiledRegex, text: string): boolean {
  return engine === 'js' ? new RegExp(source, flags).test(text) : RE2JS.compile(source).matcher(text).find();
}
