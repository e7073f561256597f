/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../model/route-model.ts';
import type { CompiledAuthorize, CompiledRule } from './compiled.ts';

/** Throws when the payload is not a CompiledAuthorize. The expressions are checked when they are parsed. */
export function decodeAuthorize(json: Json): CompiledAuthorize {
  if (!isCompiledAuthorize(json)) {
    throw new Error('The authorize policy of this program is not one this version understands.');
  }
  return json;
}

function isCompiledAuthorize(json: Json): json is CompiledAuthorize {
  if (json === null || typeof json !== 'object' || !('rules' in json)) return false;
  const { rules, dryRun, patterns, ...others } = json;
  return (
    Object.keys(others).length === 0 &&
    Array.isArray(rules) &&
    rules.length > 0 &&
    rules.every(isCompiledRule) &&
    isFlag(dryRun) &&
    (patterns === undefined ||
      (patterns !== null && typeof patterns === 'object' && Object.values(patterns).every(isRegex)))
  );
}

function isCompiledRule(json: Json): json is CompiledRule {
  if (json === null || typeof json !== 'object' || !('when' in json)) return false;
  const { name, effect, when, reads, code, scope, dryRun, ...others } = json;
  return (
    Object.keys(others).length === 0 &&
    typeof name === 'string' &&
    (effect === 'allow' || effect === 'deny') &&
    typeof when === 'string' &&
    isTexts(reads) &&
    (code === undefined || typeof code === 'string') &&
    (scope === undefined || isTexts(scope)) &&
    isFlag(dryRun)
  );
}

function isTexts(json: Json | undefined): boolean {
  return Array.isArray(json) && json.every((text) => typeof text === 'string');
}

function isFlag(json: Json | undefined): boolean {
  return json === undefined || json === true;
}

function isRegex(json: Json): boolean {
  return json !== null && typeof json === 'object' && 'engine' in json && 'source' in json;
}
