/**
 * Secrets among manifests. They are read apart from every other object: what they hold must not get into
 * an object, which is kept, compared and stored.
 */
import type { SourceRef } from '../diagnostics/finding.ts';
import { isRecord } from './record.ts';

export type SecretDocument = {
  readonly namespace: string;
  readonly name: string;
  /** Base64, as an API server keeps it; a value that is no text counts as empty. null: it cannot be read. */
  readonly data: Readonly<Record<string, string>> | null;
};

export function isSecret(value: unknown): value is Readonly<Record<string, unknown>> {
  return isRecord(value) && value['apiVersion'] === 'v1' && value['kind'] === 'Secret';
}

/** null: it has no name. */
export function readSecret(
  value: Readonly<Record<string, unknown>>,
): (SecretDocument & { readonly data: Readonly<Record<string, string>> }) | null {
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const { name, namespace } = metadata;
  if (typeof name !== 'string' || name === '') return null;
  const data = { ...texts(value['data']), ...encoded(value['stringData']) };
  return { namespace: typeof namespace === 'string' && namespace !== '' ? namespace : 'default', name, data };
}

/** Only what tells it from others: annotations may repeat the whole Secret (`last-applied-configuration`). */
export function withoutContent(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const metadata = isRecord(value['metadata']) ? value['metadata'] : {};
  const { name, namespace } = metadata;
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
}

/** A document of which only the identity could be made out, when that is a Secret's. */
export function unreadableSecret({ kind, namespace, name }: SourceRef): readonly SecretDocument[] {
  return kind === 'Secret' ? [{ namespace: namespace ?? 'default', name, data: null }] : [];
}

/** Whether a text may be a Secret's, however broken: what a parser says about it could quote a value. */
export function mayHoldSecret(text: string): boolean {
  return /\bSecret(?:List)?\b/.test(text);
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, typeof text === 'string' ? text : '']));
}

/** As the API server does it: UTF-8, and before what `data` says. */
function encoded(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts(value)).map(([name, text]) => [name, toBase64(text)]));
}

function toBase64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
