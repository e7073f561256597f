/** Checks the payload once per loaded route: a program written by another version must not be half understood. */
import type { Json } from '../../../model/route-model.ts';
import { decodeTemplate } from '../../go-template/decode-template.ts';
import type { CompiledHeader, CompiledJwt, CompiledTokenPlaces, RequiredClaim } from './compiled.ts';
import { decodeKeys } from './keys/decode-keys.ts';
import { memberOf } from './parse-token.ts';
import type { JsonObject } from './strict-json.ts';

/** Throws when the payload is not a CompiledJwt. */
export function decodeJwt(json: Json): CompiledJwt {
  const payload = objectOf(json);
  const types = optional(payload, 'types', textsOf);
  const planClaim = optional(payload, 'planClaim', textOf);
  const errorResponse = optional(payload, 'errorResponse', errorResponseOf);
  return {
    keys: decodeKeys(required(payload, 'keys')),
    algorithms: textsOf(required(payload, 'algorithms')),
    issuers: nullable(required(payload, 'issuers')),
    audiences: nullable(required(payload, 'audiences')),
    ...(isOn(payload, 'audienceAll') && { audienceAll: true }),
    required: listOf(required(payload, 'required')).map(requiredClaimOf),
    leeway: leewayOf(required(payload, 'leeway')),
    scopes: textsOf(required(payload, 'scopes')),
    ...(types !== undefined && { types }),
    ...(isOn(payload, 'refuseIdTokens') && { refuseIdTokens: true }),
    token: placesOf(required(payload, 'token')),
    ...(planClaim !== undefined && { planClaim }),
    ...(isOn(payload, 'strip') && { strip: true }),
    realm: textOf(required(payload, 'realm')),
    inject: listOf(required(payload, 'inject')).map(headerOf),
    ...(errorResponse !== undefined && { errorResponse }),
  };
}

function notUnderstood(): Error {
  return new Error('The jwt method of this program is not one this version understands.');
}

function required(object: JsonObject, name: string): Json {
  const value = memberOf(object, name);
  if (value === undefined) throw notUnderstood();
  return value;
}

function optional<T>(object: JsonObject, name: string, decode: (value: Json) => T): T | undefined {
  const value = memberOf(object, name);
  return value === undefined ? undefined : decode(value);
}

/** A switch that says anything but true would be one that protects, half understood. */
function isOn(object: JsonObject, name: string): boolean {
  const value = memberOf(object, name);
  if (value !== undefined && value !== true) throw notUnderstood();
  return value === true;
}

function objectOf(value: Json): JsonObject {
  if (!isObject(value)) throw notUnderstood();
  return value;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: Json): readonly Json[] {
  if (!Array.isArray(value)) throw notUnderstood();
  return value;
}

function textOf(value: Json): string {
  if (typeof value !== 'string') throw notUnderstood();
  return value;
}

function textsOf(value: Json): readonly string[] {
  return listOf(value).map(textOf);
}

function nullable(value: Json): readonly string[] | null {
  return value === null ? null : textsOf(value);
}

function requiredClaimOf(value: Json): RequiredClaim {
  const claim = objectOf(value);
  const equals = memberOf(claim, 'equals');
  return { name: textOf(required(claim, 'name')), ...(equals !== undefined && { equals }) };
}

function leewayOf(value: Json): CompiledJwt['leeway'] {
  const leeway = objectOf(value);
  return { exp: secondsOf(leeway, 'exp'), nbf: secondsOf(leeway, 'nbf'), iat: secondsOf(leeway, 'iat') };
}

function secondsOf(object: JsonObject, name: string): number {
  const value = memberOf(object, name);
  if (typeof value !== 'number' || !(value >= 0)) throw notUnderstood();
  return value;
}

function placesOf(value: Json): CompiledTokenPlaces {
  const places = objectOf(value);
  const [header, cookie, query] = ['header', 'cookie', 'query'].map((name) => optional(places, name, textOf));
  return {
    ...(isOn(places, 'authorization') && { authorization: true }),
    ...(header !== undefined && { header }),
    ...(cookie !== undefined && { cookie }),
    ...(query !== undefined && { query }),
  };
}

function headerOf(value: Json): CompiledHeader {
  const header = objectOf(value);
  return { name: textOf(required(header, 'name')), value: decodeTemplate(required(header, 'value')) };
}

function errorResponseOf(value: Json): NonNullable<CompiledJwt['errorResponse']> {
  const response = objectOf(value);
  return {
    headers: listOf(required(response, 'headers')).map(headerOf),
    body: decodeTemplate(required(response, 'body')),
  };
}
