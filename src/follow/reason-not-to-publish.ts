import type { BuildResult } from '../compile/build-program.ts';
import type { Finding } from '../diagnostics/finding.ts';
import { plural } from '../diagnostics/render.ts';
import type { AcceptedResources } from '../program/accepted.ts';

/**
 * Why publishing would do harm, or null. A broken resource is no reason: it refuses or its last good
 * version stays. But a source that cannot be read at all would take its routes away, and broader, less
 * protected ones would answer in their place.
 */
export function reasonNotToPublish(result: BuildResult, previous: AcceptedResources): string | null {
  const { findings } = result;
  const config = findings.find(({ code }) => code === 'config-not-loaded');
  if (config !== undefined) return `${config.source?.file ?? 'the configuration'} could not be loaded`;
  const unread = findings.find((finding) => isUnreadSource(finding));
  const gone = Object.keys(previous).filter((key) => !Object.hasOwn(result.accepted, key));
  if (unread === undefined || gone.length === 0) return null;
  return (
    `${unread.source?.file ?? 'a source'} could not be read, and ${plural(gone.length, 'published resource')} ` +
    `may be what it held (${gone.slice(0, 3).join(', ')}${gone.length > 3 ? ', …' : ''})`
  );
}

/** An error about a text of which not even the name of its object could be made out. */
function isUnreadSource({ severity, source }: Finding): boolean {
  return severity === 'error' && source?.kind === 'File';
}
