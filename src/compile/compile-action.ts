/** What a route does: backends, redirect, answer, or refusal. */
import type { ForwardAction, PathRewrite, RouteAction, WeightedBackend } from '../model/route-model.ts';
import type {
  CompiledAction,
  CompiledBackend,
  CompiledRefuse,
  CompiledRewrite,
  CompiledUpstream,
} from '../program/route-program.ts';
import { compileBackend, type BackendResult } from './backends.ts';
import { compilePerCluster } from './backends-per-cluster.ts';
import { reportAt, type Problem, type RouteContext } from './compile-context.ts';
import { refusal } from './refusals.ts';
import { isProblem } from './upstreams.ts';

export type CompiledActionResult = {
  readonly action: CompiledAction;
  /** Upstreams that the action can reach. */
  readonly upstreams: readonly CompiledUpstream[];
};

export function compileAction(model: RouteAction, context: RouteContext): CompiledActionResult {
  switch (model.kind) {
    case 'forward':
      return compileForward(model, context);
    case 'redirect': {
      const path = model.path === null ? null : compileRewrite(model.path, context);
      if (path !== null && isRefuse(path)) return { action: path, upstreams: [] };
      const action: CompiledAction = {
        kind: 'redirect',
        status: model.status,
        ...(model.scheme === null ? {} : { scheme: model.scheme }),
        ...(model.authority === null ? {} : { authority: model.authority }),
        ...(model.port === undefined ? {} : { port: model.port }),
        ...(path === null ? {} : { path }),
      };
      return { action, upstreams: [] };
    }
    case 'respond': {
      const action: CompiledAction = {
        kind: 'respond',
        status: model.status,
        ...(model.body === null ? {} : { body: model.body }),
        ...(model.contentType === null ? {} : { contentType: model.contentType }),
      };
      return { action, upstreams: [] };
    }
    default: {
      const { kind, status, code, message } = model;
      return { action: { kind, status, code, message }, upstreams: [] };
    }
  }
}

/**
 * One backend that cannot be used refuses its own share only; when no usable backend with weight is
 * left, the route refuses.
 */
function compileForward({ backends }: ForwardAction, context: RouteContext): CompiledActionResult {
  const results = backends.flatMap((backend) => compileWeighted(backend, context));
  const failed = results.find((result) => result.refuse !== null)?.refuse ?? null;
  const usable = results.some(({ refuse, backend }) => refuse === null && backend.weight > 0);
  if (failed !== null && !usable) return { action: failed, upstreams: [] };
  return {
    action: { kind: 'forward', backends: results.map(({ backend }) => backend) },
    upstreams: results.flatMap(({ upstream }) => (upstream === null ? [] : [upstream])),
  };
}

type WeightedResult = {
  readonly backend: CompiledBackend;
  readonly upstream: CompiledUpstream | null;
  readonly refuse: CompiledRefuse | null;
};

/** Several only of a backend that lives in several clusters. */
function compileWeighted(model: WeightedBackend, context: RouteContext): readonly WeightedResult[] {
  if (model.refuse !== undefined) {
    const { kind, status, code, message } = model.refuse;
    return [refusing(model.weight, { kind, status, code, message })];
  }
  const rewrite = model.rewrite === null ? null : compileRewrite(model.rewrite, context);
  if (rewrite !== null && isRefuse(rewrite)) return [refusing(model.weight, rewrite)];
  if (model.perCluster === true) {
    const found = compilePerCluster(model, rewrite, context);
    if (found.length > 0) return found.map((result) => usable(model, result, context));
  }
  const result = compileBackend(model, rewrite, context.resolver);
  if (!isProblem(result)) return [usable(model, result, context)];
  reportAt(context, 'warning', result, model.service.at);
  return [refusing(model.weight, refusal(result.status, result.code))];
}

function usable({ service }: WeightedBackend, result: BackendResult, context: RouteContext): WeightedResult {
  if (service.scheme === 'https' && result.upstream.origin.startsWith('http:')) {
    reportAt(context, 'warning', lostTls(service.text, result.upstream.origin), service.at);
  }
  return { ...result, refuse: null };
}

/** The configuration decides how a service is reached, but not in silence that it is reached in clear. */
function lostTls(service: string, origin: string): Problem {
  return {
    code: 'upstream-cleartext',
    message: `\`${service}\` asks for TLS, but the configuration reaches it at ${origin}, in clear.`,
    hint: 'Use `https://` or `{scheme}://` in the cluster entry, or drop `https://` from the service.',
  };
}

function refusing(weight: number, refuse: CompiledRefuse): WeightedResult {
  return { backend: { weight, upstream: '', origin: '', via: { kind: 'fetch' }, refuse }, upstream: null, refuse };
}

function compileRewrite(model: PathRewrite, context: RouteContext): CompiledRewrite | CompiledRefuse {
  if (model.kind !== 'regex') return model;
  const result = context.regex(model.regex, false);
  if (!('regex' in result)) {
    const message = `The rewriting regex \`${model.regex.pattern}\` cannot be used: ${result.error}. The route refuses its requests.`;
    const hint = 'Write it in RE2 syntax: no look-around and no back-references.';
    reportAt(context, 'error', { code: 'regex-invalid', message, hint }, model.regex.at);
    return refusal(500, 'regex-invalid');
  }
  const problem = substitutionProblem(model.substitution, result.groupCount);
  if (problem === null) return { kind: 'regex', regex: result.regex, substitution: model.substitution };
  const message = `The substitution \`${model.substitution}\` cannot be used: ${problem}. The route refuses its requests.`;
  const hint = String.raw`Use \1 to \9 for groups of the pattern, \0 for the whole match and \\ for a backslash.`;
  reportAt(context, 'error', { code: 'substitution-invalid', message, hint }, model.regex.at);
  return refusal(500, 'rewrite-invalid');
}

/** RE2's rule: a backslash stands before a digit or another backslash. */
function substitutionProblem(substitution: string, groupCount: number): string | null {
  for (const [, escaped] of substitution.matchAll(/\\(.?)/gs)) {
    if (escaped === '\\') continue;
    if (escaped === undefined || !/^\d$/.test(escaped))
      return 'a backslash stands before neither a digit nor a backslash';
    if (Number(escaped) > groupCount) return `it names group ${escaped} and the pattern has ${groupCount}`;
  }
  return null;
}

function isRefuse(value: CompiledRewrite | CompiledRefuse): value is CompiledRefuse {
  return value.kind === 'refuse';
}
