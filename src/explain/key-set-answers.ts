/** One key set in place of all that a program would fetch. Nothing else is answered: not what an authorisation service is asked. */
import type { Json } from '../model/route-model.ts';
import type { PolicyTarget } from '../policies/contract.ts';
import type { RouteProgram } from '../program/route-program.ts';

type Answerer = (target: Pick<PolicyTarget, 'origin'>, path: string) => Response | null;

/** null: no key set and no discovery document lies there. */
export function answerKeySets(program: RouteProgram, keySet: string): Answerer {
  const texts = new Map<string, string>();
  for (const { policies = [] } of Object.values(program.tables).flat())
    for (const { config } of policies) for (const source of keySourcesIn(config)) addTexts(source, keySet, texts);
  return ({ origin }, path) => {
    const text = texts.get(origin + path);
    return text === undefined ? null : new Response(text, { headers: { 'content-type': 'application/json' } });
  };
}

type KeySource = { readonly origin: string; readonly path: string; readonly issuer: string | null };

const DISCOVERED_PATH = '/portolan-explain/jwks';

function addTexts({ origin, path, issuer }: KeySource, keySet: string, texts: Map<string, string>): void {
  if (issuer === null) {
    texts.set(origin + path, keySet);
    return;
  }
  // On the issuer's own origin, so that it is asked the way the document was.
  const jwksURI = new URL(DISCOVERED_PATH, issuer).href;
  texts.set(origin + path, JSON.stringify({ issuer, jwks_uri: jwksURI }));
  texts.set(origin + DISCOVERED_PATH, keySet);
}

/** Wherever in the configuration of a policy: methods lie at different depths. */
function keySourcesIn(value: Json): readonly KeySource[] {
  if (typeof value !== 'object' || value === null) return [];
  const source = keySourceOf(value);
  return source === null ? Object.values(value).flatMap((each: Json) => keySourcesIn(each)) : [source];
}

/** As in policies/authentication/jwt/keys/key-source.ts. */
function keySourceOf(value: object): KeySource | null {
  if (!('kind' in value && 'target' in value && 'path' in value)) return null;
  const { kind, target, path } = value;
  if ((kind !== 'jwks' && kind !== 'discovery') || typeof path !== 'string') return null;
  if (typeof target !== 'object' || target === null || !('origin' in target)) return null;
  const { origin } = target;
  if (typeof origin !== 'string') return null;
  const issuer = kind === 'discovery' && 'issuer' in value && typeof value.issuer === 'string' ? value.issuer : null;
  return { origin, path, issuer };
}
