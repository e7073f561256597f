/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../../model/route-model.ts';
import type { CompiledExternal } from './compiled.ts';

/** Throws when the payload is not a CompiledExternal. */
export function decodeExternal(json: Json): CompiledExternal {
  if (!isCompiledExternal(json)) {
    throw new Error('The method external of this program is not one this version understands.');
  }
  return json;
}

function isCompiledExternal(json: Json): json is CompiledExternal {
  if (!isObject(json)) return false;
  const { target, pathPrefix, timeoutMs, requestHeaders, addedHeaders, answerHeaders, body, statusOnError } = json;
  return (
    isTarget(target) &&
    typeof pathPrefix === 'string' &&
    [timeoutMs, statusOnError].every((value) => Number.isSafeInteger(value) && Number(value) > 0) &&
    isTexts(requestHeaders) &&
    isTexts(answerHeaders) &&
    Array.isArray(addedHeaders) &&
    addedHeaders.every((pair) => isTexts(pair) && pair.length === 2) &&
    (body === undefined || isBody(body)) &&
    [json['failOpen'], json['ownHost']].every((flag) => flag === undefined || flag === true) &&
    (json['consumerHeader'] === undefined || typeof json['consumerHeader'] === 'string')
  );
}

function isTarget(json: Json | undefined): boolean {
  if (!isObject(json)) return false;
  const { upstream, origin, via } = json;
  if (typeof upstream !== 'string' || typeof origin !== 'string' || !isObject(via)) return false;
  const { kind, binding } = via;
  return kind === 'vpc' ? typeof binding === 'string' : kind === 'binding' || kind === 'fetch';
}

function isBody(json: Json): boolean {
  return isObject(json) && Number.isSafeInteger(json['maxBytes']) && typeof json['allowPartial'] === 'boolean';
}

function isTexts(json: Json | undefined): json is readonly string[] {
  return Array.isArray(json) && json.every((text) => typeof text === 'string');
}

function isObject(json: Json | undefined): json is { readonly [key: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}
