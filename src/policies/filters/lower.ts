/** Authored `filters` options → rules with compiled globs, filters with the payload of their method. */
import { nearest } from '../../diagnostics/nearest.ts';
import { canonicalPathGlob } from '../../model/canonical-text.ts';
import type { Json } from '../../model/route-model.ts';
import { AUTH_METHOD_LOWERINGS } from '../authentication/method-lowerings.ts';
import type { AuthMethodLowering } from '../authentication/method.ts';
import type { LowerContext, PolicyLowering } from '../contract.ts';
import { compileGlob } from '../glob.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import type {
  CompiledFilter,
  CompiledFilterRule,
  CompiledFilters,
  CompiledFilterUse,
  CompiledHeaderCondition,
} from './compiled.ts';
import { decodeFilters } from './decode.ts';
import { explainFilters } from './explain.ts';
import {
  filtersOptionsSchema,
  type FilterOption,
  type FilterRuleOption,
  type FiltersOptions,
  type FilterUse,
  type HeaderConditionOption,
} from './options.ts';

const KNOWN_KEYS = [
  'filters',
  'rules',
  'ignoreCase',
  'recomputeRoute',
  'method',
  'options',
  'source',
  'unusable',
  'name',
  'host',
  'path',
  'chain',
  'filter',
  'onDeny',
  'onAllow',
  'ifRequestHeader',
  'scopes',
  'value',
  'valueRegex',
  'negate',
] as const;

export const filtersLowering: PolicyLowering = createFiltersLowering(AUTH_METHOD_LOWERINGS);

export function createFiltersLowering(methods: readonly AuthMethodLowering[]): PolicyLowering {
  const methodOf = (name: string): AuthMethodLowering | null => methods.find((method) => method.name === name) ?? null;
  return {
    name: 'filters',
    isOfNoRoute: true,
    lower(options, context) {
      const parsed = parseOptions(filtersOptionsSchema, options, { policy: 'filters', knownKeys: KNOWN_KEYS, context });
      return parsed === null ? null : (new FiltersCompiler(parsed, methods, context).compile() satisfies Json);
    },
    injectedHeaders: (json) =>
      decodeFilters(json).filters.flatMap(({ method, config }) => methodOf(method)?.injectedHeaders(config) ?? []),
    explain: (json, facts) => explainFilters(decodeFilters(json), facts, methodOf),
  };
}

/** A filter that cannot be used makes the rules that name it refuse, and no others. */
class FiltersCompiler {
  readonly #options: FiltersOptions;
  readonly #methods: readonly AuthMethodLowering[];
  readonly #context: LowerContext;
  readonly #filters: CompiledFilter[] = [];
  /** By name: position in the list, or why it cannot be used. */
  readonly #known = new Map<string, number | string>();

  constructor(options: FiltersOptions, methods: readonly AuthMethodLowering[], context: LowerContext) {
    this.#options = options;
    this.#methods = methods;
    this.#context = context;
  }

  compile(): CompiledFilters {
    const { rules, ignoreCase = false, recomputeRoute = true } = this.#options;
    return {
      rules: rules.flatMap((rule, index) => this.#rule(rule, index) ?? []),
      filters: this.#filters,
      ...(ignoreCase && { ignoreCase }),
      ...(!recomputeRoute && { keepRoute: true as const }),
    };
  }

  /** null: it matches no request. */
  #rule(rule: FilterRuleOption, index: number): CompiledFilterRule | null {
    const path = canonicalPathGlob(rule.path ?? '*');
    if (path === null) {
      this.#reportDeadPath(rule, index);
      return null;
    }
    const place = {
      name: rule.name ?? `rule ${index + 1}`,
      ...globMember('host', (rule.host ?? '*').toLowerCase()),
      ...globMember('path', this.#options.ignoreCase === true ? path.toLowerCase() : path),
    };
    if ('unusable' in rule) return { ...place, chain: [], refuse: rule.unusable };
    const chain: CompiledFilterUse[] = [];
    for (const [at, use] of rule.chain.entries()) {
      const compiled = this.#use(use, ['rules', index, 'chain', at]);
      // The rest of such a chain decides nothing any more.
      if (typeof compiled === 'string') return { ...place, chain: [], refuse: compiled };
      chain.push(compiled);
    }
    return { ...place, chain };
  }

  #use(use: FilterUse, at: readonly PropertyKey[]): CompiledFilterUse | string {
    const filter = this.#filter(use.filter);
    if (typeof filter === 'string') return filter;
    const when = use.ifRequestHeader === undefined ? null : this.#condition(use.ifRequestHeader, at);
    if (typeof when === 'string') return when;
    return {
      filter,
      ...(use.onDeny === 'continue' && { onDeny: use.onDeny }),
      ...(use.onAllow === 'break' && { onAllow: use.onAllow }),
      ...(when !== null && { when }),
      ...(use.scopes !== undefined && use.scopes.length > 0 && { scopes: use.scopes }),
    };
  }

  #condition(
    { name, value, valueRegex, negate = false }: HeaderConditionOption,
    at: readonly PropertyKey[],
  ): CompiledHeaderCondition | string {
    const base = { name: name.toLowerCase(), ...(negate && { negate: true as const }) };
    if (value !== undefined) return { ...base, value };
    if (valueRegex === undefined) return base;
    const regex = /\\C/.test(valueRegex.replaceAll('\\\\', ''))
      ? { code: 'regex-invalid', message: `\`\\C\` is not allowed in \`${valueRegex}\`.`, hint: 'Use `.`.' }
      : this.#context.regex({ pattern: valueRegex }, false);
    if (!('message' in regex)) return { ...base, regex };
    const { code, message, hint } = regex;
    reportOption(this.#context, 'error', code, { message, at: [...at, 'ifRequestHeader', 'valueRegex'], hint });
    return `the condition on \`${name}\` holds a regular expression that cannot be used`;
  }

  /** Lowered when a rule first names it, so that one that nobody uses costs nothing. */
  #filter(name: string): number | string {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { filters } = this.#options;
    const option = Object.hasOwn(filters, name) ? filters[name] : undefined;
    const found = option === undefined ? `there is no filter \`${name}\`` : this.#lowerFilter(name, option);
    this.#known.set(name, found);
    return found;
  }

  #lowerFilter(name: string, option: FilterOption): number | string {
    if ('unusable' in option) return option.unusable;
    const { method, options, source } = option;
    const lowering = this.#methods.find((one) => one.name === method);
    if (lowering === undefined) {
      this.#reportMethod(name, method);
      return `filter \`${name}\` needs the method \`${method}\`, which does not exist`;
    }
    const { path } = this.#context.source;
    const at = path === null ? null : `${path}.filters.${name}.options`;
    const place = source ?? { ...this.#context.source, path: at };
    const config = lowering.lower(options, { ...this.#context, source: place });
    if (config === null) return `filter \`${name}\` cannot be used as it is written`;
    return this.#filters.push({ name, method, config }) - 1;
  }

  #reportMethod(name: string, method: string): void {
    const names = this.#methods.map((one) => one.name);
    const near = nearest(method, names);
    reportOption(this.#context, 'error', 'policy-options-invalid', {
      message: `There is no authentication method \`${method}\`. The rules that name this filter refuse what they match.`,
      at: ['filters', name, 'method'],
      hint: near === null ? `Known methods: ${names.join(', ')}.` : `Did you mean \`${near}\`?`,
    });
  }

  #reportDeadPath({ path = '*' }: FilterRuleOption, index: number): void {
    reportOption(this.#context, 'warning', 'filter-rule-never-matches', {
      message: `No request path can match \`${path}\`, so this rule never decides.`,
      at: ['rules', index, 'path'],
      hint: 'Globs cover the whole canonical path, which starts with `/` and holds neither query nor dot segments.',
    });
  }
}

function globMember(key: 'host' | 'path', glob: string): { readonly [Key in 'host' | 'path']?: readonly string[] } {
  return glob === '*' ? {} : { [key]: compileGlob(glob) };
}
