/**
 * Random Mappings, Hosts and Listeners through the whole build, against a walk over the same resources
 * by Ambassador's published rules. One request, one draw: the Worker's route selection and the
 * explanation must both say what the walk says.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../../src/compile/build-program.ts';
import { createExplainer } from '../../../src/explain/explain.ts';
import type { Share } from '../../../src/explain/shares.ts';
import { createMemoryView } from '../../../src/gateway/program-view.ts';
import { selectRoute } from '../../../src/gateway/security.ts';
import { parseManifests } from '../../../src/resources/manifests.ts';
import { aimedRequest, naiveAim, naiveResources } from '../../oracle/ambassador-arbitrary.ts';
import type { NaiveAnswer, NaiveRequest, NaiveResources } from '../../oracle/ambassador-resources.ts';
import { naiveAmbassador } from '../../oracle/naive-ambassador.ts';

const NOW = '2026-01-01T00:00:00.000Z';

function manifests({ mappings, hosts, listeners }: NaiveResources): string {
  const items = [...mappings, ...hosts, ...listeners].map((resource) => ({
    apiVersion: `getambassador.io/${'version' in resource ? resource.version : 'v3alpha1'}`,
    kind: resource.kind,
    metadata: resource.meta,
    spec: resource.spec,
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

type Asked = { readonly request: NaiveRequest; readonly answer: NaiveAnswer };

/** The answers for the request's own draw and, where draws differ, for every whole one. */
function serve(resources: NaiveResources, unattached: 'serve' | 'drop') {
  const objects = parseManifests([{ file: 'random.json', text: manifests(resources) }], () => {});
  const { program } = buildProgram(
    { objects, config: null },
    { target: 'self-hosted', unresolved: 'echo', now: NOW, ambassador: { unattached } },
  );
  const explainer = createExplainer(program);
  const view = createMemoryView(program, 'parity');
  return async (request: NaiveRequest): Promise<readonly Asked[]> => {
    const { transport, host, path, query, method, headers } = request;
    const url = `${transport}://${host}${path}${query === null ? '' : `?${query}`}`;
    const { shares, facts } = await explainer.explain({ method, url, headers: Object.entries(headers) });
    const draws = shares.length > 1 ? [request.r, ...EVERY_WHOLE_DRAW] : [request.r];
    return draws.map((r) => {
      const share = shares.findLast(({ draw }) => draw <= r);
      if (share === undefined) throw new Error('Nothing covers this draw.');
      const site = facts === null ? null : view.find(facts.hostname, facts.authority);
      if (facts !== null && site !== null && share.answer.outcome === 'forward') {
        const selected = selectRoute(site, { facts, transportScheme: transport, random: r }, program.settings);
        expect(selected).toMatchObject({ route: { id: share.route?.id } });
      }
      return { request: { ...request, r }, answer: toNaive(share.answer, share.route?.id ?? '') };
    });
  };
}

const EVERY_WHOLE_DRAW = Array.from({ length: 100 }, (_, draw) => draw);

function toNaive({ outcome, status, code, location, upstream }: Share['answer'], routeId: string): NaiveAnswer {
  if (outcome === 'no-route' || code === 'insecure-rejected') return { kind: 'none' };
  if (outcome === 'redirect') return { kind: 'redirect', status: status ?? 0, location: location ?? '' };
  if (upstream === null) return { kind: 'refused' };
  const own = Object.entries(upstream.headers).filter(([name]) => name.startsWith('x-t'));
  return {
    kind: 'forward',
    mapping: routeId.replace('Mapping/', ''),
    url: upstream.url,
    host: upstream.host,
    added: Object.fromEntries(own.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

describe('parity with the published rules', () => {
  it('gives every request what a walk over the resources gives it', async () => {
    const kinds = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        naiveResources,
        fc.constantFrom('serve', 'drop'),
        fc.array(naiveAim, { minLength: 12, maxLength: 12 }),
        async (resources, unattached, aims) => {
          const ask = serve(resources, unattached);
          const walk = naiveAmbassador(resources, unattached);
          for (const { request, answer } of (
            await Promise.all(aims.map((aim) => ask(aimedRequest(aim, resources))))
          ).flat()) {
            const expected = walk(request);
            kinds.set(expected.kind, (kinds.get(expected.kind) ?? 0) + 1);
            if (expected.kind !== 'unspecified') expect({ request, ...answer }).toEqual({ request, ...expected });
          }
        },
      ),
      { numRuns: Number(process.env['PARITY_RUNS'] ?? 300) },
    );
    // A walk that never gets anywhere would agree with anything.
    for (const kind of ['forward', 'redirect', 'none']) expect(kinds.get(kind) ?? 0).toBeGreaterThan(50);
  }, 300_000);
});
