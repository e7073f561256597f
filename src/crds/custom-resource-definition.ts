/** One kind as a CustomResourceDefinition of apiextensions.k8s.io/v1. */
import type { FieldSchema } from '../resources/ambassador/field-schema.ts';

export type PrinterColumn = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: with `-o wide` only. */
  readonly priority?: 1;
};

export type KindDefinition = {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  readonly columns: readonly PrinterColumn[];
  readonly spec: FieldSchema;
  readonly status: FieldSchema;
};

export type CustomResourceDefinition = ReturnType<typeof customResourceDefinition>;

const GROUP = 'getambassador.io';
const VERSION = 'v3alpha1';

/** Tells our definitions from others of the same name: the version of Portolan that a definition is from. */
export const VERSION_ANNOTATION = 'portolan.dev/crd-version';

/**
 * Whether a cluster's definition is one of ours. Any other belongs to an installation of Ambassador, with
 * versions and a conversion webhook that nothing of ours may replace.
 */
export function isOwnDefinition(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return annotations !== undefined && Object.hasOwn(annotations, VERSION_ANNOTATION);
}

export function customResourceDefinition(definition: KindDefinition, release: string) {
  const { kind, plural, shortNames, description, columns, spec, status } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${GROUP}`,
      labels: {
        'app.kubernetes.io/name': 'portolan',
        'app.kubernetes.io/part-of': 'portolan',
        'app.kubernetes.io/component': 'crds',
        // Scripts that install Ambassador wait for definitions with this label.
        product: 'aes',
      },
      annotations: { [VERSION_ANNOTATION]: release },
    },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames,
        categories: ['ambassador-crds', 'portolan'],
      },
      // The only version, so that nothing has to convert.
      conversion: { strategy: 'None' },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              properties: {
                apiVersion: { type: 'string', description: `\`${GROUP}/${VERSION}\`.` },
                kind: { type: 'string', description: `\`${kind}\`.` },
                metadata: { type: 'object' },
                spec,
                status,
              },
            },
          },
        },
      ],
    },
  } as const;
}
