/**
 * What the status of a custom resource may hold, read off its CRD. An API server silently drops fields
 * that a schema does not have; a writer that ignored that would find its work undone and repeat it for ever.
 */
import { isRecord } from '../resources/record.ts';

export type StatusShape =
  /** A list of conditions, of which each writer keeps its own. */
  | 'conditions'
  /** Ambassador's Mapping: `state` and `reason`. */
  | 'state-and-reason'
  /** Nothing that is ours to write. */
  | 'none';

/** `crd`: a CustomResourceDefinition as the API server gives it. `version`: the one that we read. */
export function statusShapeOf(crd: unknown, version: string): StatusShape {
  const versions = member(member(crd, 'spec'), 'versions');
  const found: unknown = Array.isArray(versions)
    ? versions.find((each) => member(each, 'name') === version)
    : undefined;
  if (member(member(found, 'subresources'), 'status') === undefined) return 'none';
  const schema = member(member(found, 'schema'), 'openAPIV3Schema');
  const status = propertyOf(schema, 'status');
  if (status === undefined) return keepsUnknown(schema) ? 'conditions' : 'none';
  if (propertyOf(status, 'conditions') !== undefined || keepsUnknown(status)) return 'conditions';
  const hasReason = propertyOf(status, 'state') !== undefined && propertyOf(status, 'reason') !== undefined;
  return hasReason ? 'state-and-reason' : 'none';
}

function propertyOf(schema: unknown, name: string): unknown {
  return member(member(schema, 'properties'), name);
}

function keepsUnknown(schema: unknown): boolean {
  return member(schema, 'x-kubernetes-preserve-unknown-fields') === true;
}

function member(value: unknown, name: string): unknown {
  return isRecord(value) ? value[name] : undefined;
}
