/**
 * Which objects are resources of this installation. What is left out is said: once per kind where it is
 * nobody's mistake, per object where it probably is one.
 */
import { finding, type Report } from '../../diagnostics/finding.ts';
import { nearest } from '../../diagnostics/nearest.ts';
import { plural } from '../../diagnostics/render.ts';
import { carriedVersions, classifyKind, nearestApiVersion, splitApiVersion, type KindRole } from '../resource-kinds.ts';
import { carriesResources } from '../annotation-objects.ts';
import { matchesId } from './ambassador-id.ts';
import { secretReferences } from './secret-references.ts';
import type { AmbassadorOptions, KubernetesObject } from './types.ts';

export type SelectedObject = {
  readonly object: KubernetesObject;
  readonly role: KindRole;
  /** The kind's present name. */
  readonly kind: string;
  readonly legacy: boolean;
  /** API group. */
  readonly group: string;
};

export function selectObjects(
  objects: readonly KubernetesObject[],
  options: AmbassadorOptions,
  report: Report,
): readonly SelectedObject[] {
  const counts = new KindCounts();
  const ingressClasses = ambassadorIngressClasses(objects);
  const secrets = new Set(secretReferences(objects).map(({ namespace, name }) => `${namespace}/${name}`));
  const selected: SelectedObject[] = [];
  const seen = new Map<string, KubernetesObject>();
  for (const object of objects) {
    const found = classifyKind(object.apiVersion, object.kind);
    switch (found.known) {
      case 'foreign':
        if (isSecretOf(object, secrets)) break;
        if (isAmbassadorIngress(object, ingressClasses)) counts.add('ingress', object);
        // What its annotation holds are objects of their own in this list.
        else if (!carriesResources(object) && !reportNearGroup(object, report)) counts.add('foreign', object);
        break;
      case 'gateway-api':
        counts.add('gateway-api', object);
        break;
      case 'wrong-kind':
        reportUnknownKind(object, found.group, found.kinds, report);
        break;
      case 'wrong-version':
        reportVersion(object, found.group, report);
        break;
      case 'resource':
        if (matchesId(object, options.ambassadorId) === 'theirs') counts.add('other-id', object);
        else if (isFirst(object, `${found.group}/${found.kind}`, seen, report)) selected.push({ object, ...found });
        break;
    }
  }
  counts.report(options, report);
  return selected;
}

/**
 * Two objects of one name cannot both exist in a cluster; which of the two is meant, only the author
 * knows. A source still names its cluster where versions of several clusters count side by side.
 */
function isFirst(object: KubernetesObject, kind: string, seen: Map<string, KubernetesObject>, report: Report): boolean {
  const { metadata, source } = object;
  const key = `${kind}/${metadata.namespace ?? 'default'}/${metadata.name} ${source.cluster ?? ''}`;
  const first = seen.get(key);
  if (first === undefined) {
    seen.set(key, object);
    return true;
  }
  const { file, line } = first.source;
  report(
    finding(
      'error',
      'resource-duplicate',
      `This ${object.kind} has the name of one at ${file ?? 'another place'}${line === null ? '' : `:${line}`}; that one is used, this one is not.`,
      { source: object.source, path: 'metadata.name', hint: 'Remove one of the two, or rename it.' },
    ),
  );
  return false;
}

function reportUnknownKind(object: KubernetesObject, group: string, kinds: readonly string[], report: Report): void {
  const near = nearest(object.kind, kinds);
  report(
    finding(
      'warning',
      'kind-unknown',
      `There is no kind \`${object.kind}\` in \`${group}\`, so this object is not used.`,
      {
        source: object.source,
        path: 'kind',
        hint: near === null ? `Kinds of this group: ${kinds.join(', ')}.` : `Did you mean \`${near}\`?`,
      },
    ),
  );
}

/** A misspelt group would take the route away with no more than a word about somebody else's object. */
function reportNearGroup({ apiVersion, kind, source }: KubernetesObject, report: Report): boolean {
  const near = nearestApiVersion(apiVersion, kind);
  if (near === null) return false;
  const message = `\`${splitApiVersion(apiVersion).group}\` is no group with a ${kind} for the gateway, so this object is not used.`;
  report(
    finding('warning', 'kind-unknown', message, { source, path: 'apiVersion', hint: `Did you mean \`${near}\`?` }),
  );
  return true;
}

function reportVersion(object: KubernetesObject, group: string, report: Report): void {
  const { version } = splitApiVersion(object.apiVersion);
  report(
    finding(
      'error',
      'api-version-unknown',
      `\`${version}\` is not a version of ${object.kind}, so its fields cannot be read and it is not used.`,
      {
        source: object.source,
        path: 'apiVersion',
        hint: `Use ${carriedVersions.map((known) => `\`${group}/${known}\``).join(', ')}.`,
      },
    ),
  );
}

type CountReason = 'foreign' | 'gateway-api' | 'ingress' | 'other-id';

/** One line per kind and reason: a folder may hold a thousand Deployments. */
class KindCounts {
  readonly #counts = new Map<string, { readonly reason: CountReason; readonly kind: string; count: number }>();

  add(reason: CountReason, { apiVersion, kind }: KubernetesObject): void {
    const key = `${reason} ${splitApiVersion(apiVersion).group}/${kind}`;
    const entry = this.#counts.get(key) ?? { reason, kind, count: 0 };
    entry.count += 1;
    this.#counts.set(key, entry);
  }

  report({ ambassadorId }: AmbassadorOptions, report: Report): void {
    for (const [, { reason, kind, count }] of [...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const objects = `${plural(count, `${kind} object`)} ${count === 1 ? 'is' : 'are'}`;
      switch (reason) {
        case 'foreign':
          report(finding('info', 'kind-ignored', `${objects} not for the gateway and left alone.`));
          break;
        case 'gateway-api':
          report(finding('info', 'kind-not-built', `${objects} not served: the Gateway API is not built yet.`));
          break;
        case 'ingress':
          report(
            finding('info', 'kind-not-built', `${objects} not served: Ingress is not built yet.`, {
              hint: 'Write Mappings for their paths.',
            }),
          );
          break;
        case 'other-id':
          report(
            finding('info', 'ambassador-id-other', `${objects} for another installation than \`${ambassadorId}\`.`, {
              hint: '`--ambassador-id` chooses the installation.',
            }),
          );
          break;
      }
    }
  }
}

/** One that a Filter names is read apart from the objects. */
function isSecretOf({ kind, metadata }: KubernetesObject, named: ReadonlySet<string>): boolean {
  return kind === 'Secret' && named.has(`${metadata.namespace ?? 'default'}/${metadata.name}`);
}

function ambassadorIngressClasses(objects: readonly KubernetesObject[]): ReadonlySet<string> {
  const names = objects
    .filter(({ kind, spec }) => kind === 'IngressClass' && spec['controller'] === 'getambassador.io/ingress-controller')
    .map(({ metadata }) => metadata.name);
  return new Set(['ambassador', ...names]);
}

function isAmbassadorIngress({ kind, metadata, spec }: KubernetesObject, classes: ReadonlySet<string>): boolean {
  if (kind !== 'Ingress') return false;
  const named = spec['ingressClassName'];
  if (typeof named === 'string') return classes.has(named);
  return metadata.annotations['kubernetes.io/ingress.class']?.toLowerCase() === 'ambassador';
}
