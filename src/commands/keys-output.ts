/** What `keys` prints. Only a key that was made a moment ago is ever in it; digests never are. */
import { escapeControls } from '../diagnostics/render.ts';
import type { ApiKeyRecord } from '../keys/api-key-record.ts';
import type { BasicUser } from '../keys/basic-user.ts';
import { keyState, type CreatedKey } from '../keys/manage-keys.ts';
import { renderTable } from './text-table.ts';

export function createdJson({ key, record }: CreatedKey): object {
  const { id, consumer, plan, env, createdAt, expiresAt } = record;
  return { id, key, consumer, plan, env, createdAt, expiresAt };
}

export function keyJson(record: ApiKeyRecord, nowMs: number): object {
  const { id, consumer, plan, env, createdAt, expiresAt, revokedAt, metadata } = record;
  return { id, consumer, plan, env, state: keyState(record, nowMs), createdAt, expiresAt, revokedAt, metadata };
}

export function userJson(record: BasicUser, nowMs: number): object {
  const { user, consumer, plan, createdAt, expiresAt, revokedAt, metadata } = record;
  return { user, consumer, plan, state: keyState(record, nowMs), createdAt, expiresAt, revokedAt, metadata };
}

export function renderKeys(records: readonly ApiKeyRecord[], nowMs: number): string[] {
  if (records.length === 0) return ['no keys'];
  return renderTable(
    ['ID', 'CONSUMER', 'PLAN', 'ENV', 'STATE', 'CREATED', 'EXPIRES', 'METADATA'],
    records.map((record) => [
      record.id,
      record.consumer,
      record.plan ?? '',
      record.env,
      keyState(record, nowMs),
      record.createdAt,
      record.expiresAt ?? '',
      metadataText(record),
    ]),
  );
}

export function renderUsers(users: readonly BasicUser[], nowMs: number): string[] {
  return renderTable(
    ['USER', 'CONSUMER', 'PLAN', 'STATE', 'CREATED', 'EXPIRES', 'METADATA'],
    users.map((user) => [
      user.user,
      user.consumer,
      user.plan ?? '',
      keyState(user, nowMs),
      user.createdAt,
      user.expiresAt ?? '',
      metadataText(user),
    ]),
  );
}

/** One fact a line. */
export function renderKey(record: ApiKeyRecord, nowMs: number): string {
  const facts = [
    ['id', record.id],
    ['consumer', record.consumer],
    ['plan', record.plan ?? 'none'],
    ['environment', record.env],
    ['state', keyState(record, nowMs)],
    ['created', record.createdAt],
    ['expires', record.expiresAt ?? 'never'],
    ...(record.revokedAt === null ? [] : [['revoked', record.revokedAt]]),
    ...(Object.keys(record.metadata).length === 0 ? [] : [['metadata', metadataText(record)]]),
  ];
  return facts.map(([name = '', value = '']) => `${name.padEnd(12)} ${escapeControls(value)}`).join('\n');
}

function metadataText({ metadata }: Pick<ApiKeyRecord, 'metadata'>): string {
  return Object.entries(metadata)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
