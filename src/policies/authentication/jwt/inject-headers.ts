/** Headers that a token is passed on in. */
import { executeTemplate } from '../../go-template/execute.ts';
import { fieldsOf } from '../../go-template/fields-of.ts';
import { GoHeader, GoStruct, TemplateError, type GoMap } from '../../go-template/value.ts';
import type { HeaderEdit } from '../method.ts';
import type { CompiledHeader } from './compiled.ts';
import { safeHeaderValue } from '../../header-value.ts';
import type { ParsedToken } from './parse-token.ts';

/** The values change with nothing but the token, so that they can be kept with it. */
export function dependOnTokenAlone(headers: readonly CompiledHeader[]): boolean {
  return headers.every(({ value }) => fieldsOf(value).every(([first]) => first === 'token'));
}

/**
 * One edit per name. A name whose template wrote nothing usable, failed or called `doNotSet` is removed:
 * what a client sent under it must never pass for ours.
 */
export function injectedEdits(
  headers: readonly CompiledHeader[],
  token: ParsedToken,
  request: Headers | null,
): readonly HeaderEdit[] {
  if (headers.length === 0) return [];
  const data = templateData(token, request);
  const values = new Map<string, string | null>();
  for (const { name, value } of headers) {
    const text = valueOf(value, data);
    // Of several templates for one name the last that sets it counts.
    if (text !== null || !values.has(name)) values.set(name, text);
  }
  return Array.from(values, ([name, value]) => ({ name, value }));
}

function valueOf(template: CompiledHeader['value'], data: GoMap): string | null {
  try {
    const { text, isSkipped } = executeTemplate(template, data);
    return isSkipped ? null : safeHeaderValue(text);
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}

/** `request` null: no template reads it. */
function templateData({ text, header, claims, signature }: ParsedToken, request: Headers | null): GoMap {
  const token = new GoStruct({ Raw: text, Header: header, Claims: claims, Signature: signature });
  return { token, httpRequestHeader: new GoHeader(request ?? new Headers()) };
}
