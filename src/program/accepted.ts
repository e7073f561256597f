/**
 * The last accepted version of every resource, kept beside the program so that a resource that
 * breaks later is served as it was. Plain JSON; never a Secret, never a file or a line.
 */
import type { Json } from '../model/route-model.ts';

/** By resource key (`Kind/namespace/name`, see resourceKey), in key order. */
export type AcceptedResources = { readonly [key: string]: AcceptedResource };

export type AcceptedResource = {
  readonly object: AcceptedObject;
  /** ISO time since when this version is served in place of a broken newer one; null: it is the current one. */
  readonly staleSince: string | null;
};

/** What the compiler needs of a Kubernetes object to build it again. */
export type AcceptedObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string | null;
    readonly labels: Readonly<Record<string, string>>;
    /** Only those that change what a resource means; `last-applied-configuration` and the like are left out. */
    readonly annotations: Readonly<Record<string, string>>;
    readonly generation: number | null;
    readonly creationTimestamp: string | null;
  };
  /** Clusters that hold this version, in the order of routes.config.ts; absent: the one and unnamed. */
  readonly clusters?: readonly string[];
  readonly spec: { readonly [key: string]: Json };
};
