/** Generated Mappings for benches and scale tests: realistic spread over hostnames, paths and policies. */

export type MappingObject = {
  readonly apiVersion: string;
  readonly kind: 'Mapping';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Readonly<Record<string, unknown>>;
};

export type GenerateOptions = {
  readonly count: number;
  /** Mappings per hostname; 0: none has a hostname. Default 50. */
  readonly perHostname?: number;
  /** Adds CORS and a rate limit to every Mapping. Default true. */
  readonly policies?: boolean;
  /** Service of all; default: 500 names in turn. */
  readonly service?: string;
};

export function generateMappings(options: GenerateOptions): MappingObject[] {
  const { count, perHostname = 50, policies = true, service } = options;
  return Array.from({ length: count }, (_, index) => ({
    apiVersion: 'getambassador.io/v3alpha1',
    kind: 'Mapping' as const,
    metadata: { name: `generated-${index}`, namespace: `team-${index % 20}` },
    spec: {
      ...(perHostname > 0 && { hostname: hostnameOf(index, perHostname) }),
      prefix: prefixOf(index),
      service: service ?? `service-${index % 500}:8080`,
      timeout_ms: 3000,
      ...(index % 10 === 0 && { method: 'GET' }),
      ...(index % 25 === 0 && { headers: { 'x-variant': `v${index % 7}` } }),
      ...(policies && {
        cors: { origins: ['https://app.example.com'], methods: ['GET', 'POST'] },
        rate_limits: [{ name: 'basic', limits: [{ pattern: '*', rate: 1_000_000, unit: 'second' }] }],
      }),
    },
  }));
}

export function hostnameOf(index: number, perHostname = 50): string {
  return `api-${Math.floor(index / perHostname)}.example.com`;
}

export function prefixOf(index: number): string {
  return `/service-${index}/v${index % 3}/`;
}

/** The same as one YAML stream, as a user's folder would hold it. */
export function renderYaml(mappings: readonly MappingObject[]): string {
  return mappings.map((mapping) => JSON.stringify(mapping)).join('\n---\n');
}
