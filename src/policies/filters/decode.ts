/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledRegex } from '../../program/route-program.ts';
import type {
  CompiledFilter,
  CompiledFilterRule,
  CompiledFilters,
  CompiledFilterUse,
  CompiledHeaderCondition,
} from './compiled.ts';

/** Throws when the payload is not a CompiledFilters. */
export function decodeFilters(json: Json): CompiledFilters {
  if (!isCompiledFilters(json)) {
    throw new Error('The filters policy of this program is not one this version understands.');
  }
  return json;
}

function isCompiledFilters(json: Json): json is CompiledFilters {
  if (!isObject(json)) return false;
  const { filters, rules, ignoreCase, keepRoute } = json;
  return (
    Array.isArray(filters) &&
    filters.every(isFilter) &&
    Array.isArray(rules) &&
    rules.every((rule: Json) => isRule(rule, filters.length)) &&
    [ignoreCase, keepRoute].every(isFlag)
  );
}

function isFilter(json: Json): json is CompiledFilter {
  return isObject(json) && isText(json['name']) && isText(json['method']) && json['config'] !== undefined;
}

function isRule(json: Json, filters: number): json is CompiledFilterRule {
  if (!isObject(json)) return false;
  const { name, host, path, chain, refuse } = json;
  return (
    isText(name) &&
    [host, path].every(isGlob) &&
    Array.isArray(chain) &&
    chain.every((use: Json) => isUse(use, filters)) &&
    (refuse === undefined || isText(refuse))
  );
}

function isUse(json: Json, filters: number): json is CompiledFilterUse {
  if (!isObject(json)) return false;
  const { filter, onDeny, onAllow, when, scopes } = json;
  return (
    typeof filter === 'number' &&
    Number.isInteger(filter) &&
    filter >= 0 &&
    filter < filters &&
    (onDeny === undefined || onDeny === 'continue') &&
    (onAllow === undefined || onAllow === 'break') &&
    (when === undefined || isCondition(when)) &&
    (scopes === undefined || isTexts(scopes))
  );
}

function isCondition(json: Json): json is CompiledHeaderCondition {
  if (!isObject(json)) return false;
  const { name, value, regex, negate } = json;
  return (
    isText(name) &&
    (value === undefined || isText(value)) &&
    (regex === undefined || (isObject(regex) && isRegex(regex))) &&
    isFlag(negate)
  );
}

function isRegex({ engine, source, flags, full }: Members): boolean {
  const sound = (engine === 'js' || engine === 're2') && isText(source);
  return sound && (flags === undefined || isText(flags)) && isFlag(full);
}

type Members = { readonly [name: string]: Json | undefined };

function isObject(json: Json): json is { readonly [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function isText(json: Json | CompiledRegex | undefined): json is string {
  return typeof json === 'string';
}

function isTexts(json: Json): json is readonly string[] {
  return Array.isArray(json) && json.every(isText);
}

function isGlob(json: Json | undefined): boolean {
  return json === undefined || (isTexts(json) && json.length > 0);
}

function isFlag(json: Json | undefined): boolean {
  return json === undefined || json === true;
}
