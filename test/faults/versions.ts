/** A series of program versions over the same routes, and the judgement whether an answer is of one of them. */
import { buildRoutes, type Built, type RouteFacts } from './programs.ts';
import type { Outcome } from './raw-client.ts';

export type VersionsOptions = {
  readonly backend: string;
  readonly versions: number;
  readonly routes: number;
};

export type Versions = {
  readonly built: readonly Built[];
  /** Host and path of a request to one of the routes. */
  target(route: number): { readonly host: string; readonly path: string };
  /** Position in `built` of the version that the answer says it is of; null: none of them. */
  versionOf(outcome: Outcome): number | null;
  /** Whether the route did what the version that answered says: false is a mixture of two versions. */
  isOfOneVersion(outcome: Outcome, route: number): boolean;
};

/** Many, so that one host needs a few shards of several. */
const HOSTNAMES = 30;

/**
 * What a route says changes with every second version, for odd and even routes in turn, so that
 * neighbouring versions share some routes and differ in others.
 */
export function saidBy(version: number, route: number): string {
  return `route-${route}-text-${Math.floor((version + route) / 2)}`;
}

export async function buildVersions({ versions, ...options }: VersionsOptions): Promise<Versions> {
  const built: Built[] = [];
  for (let version = 0; version < versions; version += 1) built.push(await buildVersion(options, version));
  const positions = new Map(built.map(({ encoded }, position) => [encoded.version, position]));
  const versionOf = ({ headers }: Outcome): number | null =>
    positions.get(headers.get('x-portolan-config-version') ?? '') ?? null;
  return {
    built,
    target: (route) => ({ host: hostnameOf(route), path: `${prefixOf(route)}item` }),
    versionOf,
    isOfOneVersion: (outcome, route) => {
      const version = versionOf(outcome);
      return version !== null && outcome.headers.get('x-program') === saidBy(version, route);
    },
  };
}

export function buildVersion(options: Pick<VersionsOptions, 'backend' | 'routes'>, version: number): Promise<Built> {
  return buildRoutes(versionFacts(options, version));
}

/** The routes of one version, for who writes them to files. */
export function versionFacts(
  { backend, routes }: Pick<VersionsOptions, 'backend' | 'routes'>,
  version: number,
): readonly RouteFacts[] {
  return Array.from({ length: routes }, (_, route) => ({
    prefix: prefixOf(route),
    hostname: hostnameOf(route),
    backend,
    says: saidBy(version, route),
  }));
}

function hostnameOf(route: number): string {
  return `host-${route % HOSTNAMES}.test`;
}

/** Long, so that a few hundred routes fill several shards. */
function prefixOf(route: number): string {
  return `/${'catalogue-'.repeat(60)}${route}/`;
}
