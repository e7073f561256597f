/** What the build made of a resource, as conditions of its status (Kubernetes API conventions, "Typical status properties"). */
import type { ResourceStatus } from '../compile/resource-status.ts';
import type { Finding } from '../diagnostics/finding.ts';

export type ConditionType = 'Accepted' | 'ResolvedRefs' | 'Programmed';

export type WantedCondition = {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  /** PascalCase; of a problem its code. */
  readonly reason: string;
  readonly message: string;
};

/** Whether the program that was built from these resources is the live one. */
export type Publication =
  | { readonly state: 'live' }
  /** `reason` is a sentence. */
  | { readonly state: 'withheld'; readonly reason: string };

/** Problems of the surroundings, not of the resource: something it names cannot be reached. */
const REFERENCE_CODES: ReadonlySet<string> = new Set([
  'upstream-unresolved',
  'upstream-private-address',
  'upstream-tls-unsupported',
  'host-rewrite-unsupported',
]);

/** Enough for a person; the rest is in the log. Characters. */
const MAX_MESSAGE = 2_000;

/** `findings`: errors and warnings about this resource, sorted. Says nothing that changes from publish to publish. */
export function conditionsOf(
  { state }: Pick<ResourceStatus, 'state'>,
  findings: readonly Finding[],
  publication: Publication,
): readonly WantedCondition[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const warnings = findings.filter(({ severity, code }) => severity === 'warning' && !REFERENCE_CODES.has(code));
  const references = findings.filter(({ code }) => REFERENCE_CODES.has(code));
  return [
    accepted(state === 'overruled' ? findings : errors, warnings),
    references.length === 0
      ? { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: 'Every service it names has a way.' }
      : { type: 'ResolvedRefs', status: 'False', reason: reasonOf(references), message: textOf(references) },
    programmed(state, publication),
  ];
}

function accepted(errors: readonly Finding[], warnings: readonly Finding[]): WantedCondition {
  if (errors.length > 0)
    return { type: 'Accepted', status: 'False', reason: reasonOf(errors), message: textOf(errors) };
  const message = warnings.length === 0 ? 'Served as written.' : `Served, but: ${textOf(warnings)}`;
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

const PROGRAMMED: Readonly<Record<ResourceStatus['state'], Omit<WantedCondition, 'type'>>> = {
  accepted: { status: 'True', reason: 'Programmed', message: 'This version is live.' },
  stale: { status: 'False', reason: 'EarlierVersion', message: 'The last accepted version is live instead.' },
  invalid: {
    status: 'False',
    reason: 'Invalid',
    message: 'What it describes is refused, and there is no earlier version.',
  },
  refused: { status: 'False', reason: 'Refusing', message: 'Requests for it are answered with an error.' },
  overruled: { status: 'False', reason: 'OtherCluster', message: 'The version of another cluster is live instead.' },
};

function programmed(state: ResourceStatus['state'], publication: Publication): WantedCondition {
  if (publication.state === 'live') return { type: 'Programmed', ...PROGRAMMED[state] };
  return { type: 'Programmed', status: 'False', reason: 'NotPublished', message: publication.reason };
}

function reasonOf([first]: readonly Finding[]): string {
  const words = (first?.code ?? 'invalid').split('-');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function textOf(findings: readonly Finding[]): string {
  const texts = findings.map(({ message, path, hint }) =>
    [path === null ? message : `${path}: ${message}`, ...(hint === null ? [] : [hint])].join(' '),
  );
  let text = '';
  for (const [index, each] of texts.entries()) {
    const next = text === '' ? each : `${text} | ${each}`;
    if (next.length > MAX_MESSAGE) {
      if (text === '') return `${each.slice(0, MAX_MESSAGE)}…`;
      return `${text} (and ${texts.length - index} more)`;
    }
    text = next;
  }
  return text;
}
