/** Which rule would decide, as far as that can be said without knowing who is calling and when. */
import { RE2JS } from 're2js';
import type { Json } from '../../model/route-model.ts';
import type { CompiledRegex } from '../../program/route-program.ts';
import type { KnownCaller, PolicyExplanation, RequestFacts } from '../contract.ts';
import type { CompiledAuthorize, CompiledRule } from './compiled.ts';
import { REQUEST_BUDGET } from './cost.ts';
import { judge, prepareAuthorize, type Decision, type PreparedAuthorize } from './decide.ts';
import type { Verdict } from './expressions.ts';
import { FactsView } from './facts-view.ts';

/** `known` null: neither is known. */
export function explainAuthorize(
  config: CompiledAuthorize,
  facts: RequestFacts,
  known: KnownCaller | null = null,
): PolicyExplanation {
  const prepared = prepareAuthorize(config, search);
  const conclude = (rules: PreparedAuthorize['enforced']): Conclusion =>
    known === null ? follow(rules, facts) : conclusionOf(judge(rules, viewOf(facts, known), known.consumer));
  const input = inputOf(config.rules, facts);
  const tried = prepared.trial === null ? null : conclude(prepared.trial).note;
  if (prepared.dryRun) return { input, note: `dry run, nothing is refused; if it were enforced, ${tried}` };
  const { note, denies } = conclude(prepared.enforced);
  return {
    input,
    note: tried === null ? note : `${note}; if the rules of the dry run were enforced, ${tried}`,
    ...(denies && { answersWith: 403 }),
  };
}

/** `denies`: whatever is not known. */
type Conclusion = { readonly note: string; readonly denies: boolean };

function viewOf(facts: RequestFacts, { consumer, nowMs }: KnownCaller): FactsView {
  return new FactsView(facts, consumer, nowMs);
}

function conclusionOf(decision: Decision): Conclusion {
  switch (decision.kind) {
    case 'allow':
      return { note: `rule ${decision.rule} allows it`, denies: false };
    case 'error':
      return { note: `rule ${decision.rule} cannot be decided: 403 authorize-error`, denies: true };
    default: {
      const { rule, scope } = decision;
      const code = scope === null ? 'access-denied' : 'insufficient-scope';
      return {
        note: rule === null ? `no rule allows it: 403 ${code}` : `rule ${rule} refuses it: 403 ${code}`,
        denies: true,
      };
    }
  }
}

/** Walks the rules as the request would, and past those that depend on what is not known here. */
function follow(rules: PreparedAuthorize['enforced'], facts: RequestFacts): Conclusion {
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
    return withOpen(conclusionOf(decisionOf(rule, verdict)), open);
  }
  return withOpen(conclusionOf({ kind: 'deny', rule: null, reason: null, scope: null }), open);
}

function decisionOf({ name, effect }: CompiledRule, verdict: Verdict): Decision {
  if (typeof verdict !== 'boolean') return { kind: 'error', rule: name, error: verdict.error };
  return effect === 'allow' ? { kind: 'allow', rule: name } : { kind: 'deny', rule: name, reason: null, scope: null };
}

function withOpen({ note, denies }: Conclusion, open: readonly CompiledRule[]): Conclusion {
  if (open.length === 0) return { note, denies };
  const names = open.map(({ name }) => name).join(', ');
  const on = new Set(open.flatMap(({ reads, scope }) => dependencies(reads, scope)));
  const which = open.length === 1 ? `rule ${names}` : `one of the rules ${names}`;
  return {
    note: `it depends on ${[...on].join(' and ')} whether ${which} decides; else ${note}`,
    denies: denies && open.every(({ effect }) => effect === 'deny'),
  };
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
