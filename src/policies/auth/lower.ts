/** Authored `auth` options → compiled methods. */
import { nearest } from '../../diagnostics/nearest.ts';
import type { Json } from '../../model/route-model.ts';
import { AUTH_METHOD_LOWERINGS, authMethodLowering } from '../authentication/method-lowerings.ts';
import type { LowerContext, PolicyLowering } from '../contract.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import type { CompiledAuth, CompiledAuthMethod } from './compiled.ts';
import { decodeAuth } from './decode.ts';
import { authOptionsSchema, type AuthMethodUse } from './options.ts';

const KNOWN_KEYS = ['methods', 'require', 'optional', 'recomputeRoute', 'method', 'options', 'source'] as const;

export const authLowering: PolicyLowering = {
  name: 'auth',
  isOfNoRoute: true,
  lower(options, context) {
    const parsed = parseOptions(authOptionsSchema, options, { policy: 'auth', knownKeys: KNOWN_KEYS, context });
    if (parsed === null) return null;
    const methods = parsed.methods.map((use, index) => lowerMethod(use, index, context));
    const usable = methods.filter((method) => method !== null);
    // One method fewer under `all` would be less protection, and under `any` a caller turned away for no reason of his.
    if (usable.length < methods.length) return null;
    const { require, optional = false, recomputeRoute = true } = parsed;
    return {
      require,
      ...(optional && { optional }),
      ...(!recomputeRoute && { keepRoute: true as const }),
      methods: usable,
    } satisfies CompiledAuth satisfies Json;
  },
  injectedHeaders: (json) =>
    decodeAuth(json).methods.flatMap(({ method, config }) => authMethodLowering(method)?.injectedHeaders(config) ?? []),
  explain(json) {
    const { methods, require, optional } = decodeAuth(json);
    const demands = methods.map(({ method, config }) => authMethodLowering(method)?.describe(config) ?? method);
    const note = `demands ${demands.join(require === 'any' ? ', or ' : ', and ')}`;
    return {
      input: { methods: methods.map(({ method }) => method), require },
      note: optional === true ? `${note}; a request without credentials passes as anonymous` : note,
    };
  },
};

function lowerMethod(
  { method, options, source }: AuthMethodUse,
  index: number,
  context: LowerContext,
): CompiledAuthMethod | null {
  const lowering = authMethodLowering(method);
  if (lowering === null) {
    const names = AUTH_METHOD_LOWERINGS.map(({ name }) => name);
    const near = nearest(method, names);
    reportOption(context, 'error', 'policy-options-invalid', {
      message: `There is no authentication method \`${method}\`. The route refuses its requests, because nobody could be checked.`,
      at: ['methods', index, 'method'],
      hint: near === null ? `Known methods: ${names.join(', ')}.` : `Did you mean \`${near}\`?`,
    });
    return null;
  }
  const { path } = context.source;
  const at = path === null ? null : `${path}.methods[${index}].options`;
  const config = lowering.lower(options, { ...context, source: source ?? { ...context.source, path: at } });
  return config === null ? null : { method, config };
}
