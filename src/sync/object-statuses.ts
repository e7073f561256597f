/** Judgements → conditions in the status of a cluster's objects, and Events. */
import { resourceKey } from '../diagnostics/finding.ts';
import { isRecord } from '../resources/record.ts';
import type { OwnObject } from './cluster-snapshot.ts';
import { conditionsOf, type Publication, type WantedCondition } from './conditions.ts';
import type { Judge } from './judgements.ts';
import type { ResourceEvents } from './resource-events.ts';
import type { StatusShape } from './status-shape.ts';
import type { StatusReport, StatusTarget, StatusWriter } from './status-writer.ts';
import { apiVersionOf, pathOf, type ServedKind } from './watched-kinds.ts';

export type StatusPorts = {
  readonly writer: StatusWriter;
  readonly events: ResourceEvents;
  readonly shapeOf: (served: ServedKind) => Promise<StatusShape>;
};

export type TellOptions = {
  /** Asked before everything that writes. */
  readonly mayAct: () => boolean;
  readonly onProblem: (message: string) => void;
};

type Wanted = { readonly target: StatusTarget; readonly conditions: readonly WantedCondition[] };

export async function tellObjects(
  { writer, events, shapeOf }: StatusPorts,
  own: readonly OwnObject[],
  { judge, publication }: { readonly judge: Judge; readonly publication: Publication },
  { mayAct, onProblem }: TellOptions,
): Promise<StatusReport> {
  const wanted: Wanted[] = [];
  for (const object of own) {
    const facts = factsOf(object);
    const judgement = facts === null ? null : judge(resourceKey(facts));
    // Of another installation (ambassador_id): its status is not ours to write.
    if (facts === null || judgement === null) continue;
    const target = { ...facts, shape: await shapeOf(object.served) };
    wanted.push({ target, conditions: conditionsOf(judgement, judgement.findings, publication) });
  }
  events.keep(new Set(wanted.map(({ target }) => target.uid)));
  const told = await writer.write(wanted, {
    mayWrite: mayAct,
    onFailed: ({ kind, namespace, name }, message) =>
      onProblem(`status of ${kind} ${namespace ?? ''}/${name}: ${message}`),
  });
  for (const { target, conditions } of wanted) {
    if (!mayAct()) break;
    await events
      .tell(target, conditions)
      .catch((error: unknown) =>
        onProblem(`event of ${target.kind} ${target.name}: ${error instanceof Error ? error.message : String(error)}`),
      );
  }
  return told;
}

function factsOf({ served, raw }: OwnObject): Omit<StatusTarget, 'shape'> | null {
  const { metadata } = raw;
  if (!isRecord(metadata)) return null;
  const { name, namespace, uid, generation } = metadata;
  if (typeof name !== 'string' || typeof uid !== 'string') return null;
  const place = { namespace: typeof namespace === 'string' ? namespace : null, name };
  return {
    ...place,
    path: pathOf(served, place),
    apiVersion: apiVersionOf(served),
    kind: served.kind,
    uid,
    generation: typeof generation === 'number' ? generation : null,
    status: raw['status'],
  };
}
