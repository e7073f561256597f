/**
 * CORS as Envoy's filter does it for Ambassador, with two differences written down in
 * docs/policies/cors.md: `Vary: Origin` is added, and our own headers replace the upstream's whole set.
 */
import type { Json } from '../../model/route-model.ts';
import type { OutgoingHeaders, PolicyHandler } from '../contract.ts';
import type { CompiledCors } from './compiled.ts';
import { decideCors } from './decide.ts';
import { decodeCors } from './decode.ts';

/** Every response header of the CORS protocol: an upstream's value beside ours would be two answers to one question. */
const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
] as const;

export const corsHandler: PolicyHandler = {
  name: 'cors',
  create(json: Json) {
    const config = decodeCors(json);
    return ({ facts, outgoing }) => {
      const decision = decideCors(config, facts);
      // Also without Origin and for foreign ones: a cache must not hand their answer to an origin let in.
      outgoing.append('vary', 'Origin');
      if (decision.kind === 'preflight') {
        allowOrigin(outgoing, config, decision.origin);
        if (config.methods !== undefined) outgoing.set('access-control-allow-methods', config.methods);
        if (config.headers !== undefined) outgoing.set('access-control-allow-headers', config.headers);
        if (config.maxAge !== undefined) outgoing.set('access-control-max-age', config.maxAge);
        return new Response(null);
      }
      if (decision.kind === 'actual') {
        allowOrigin(outgoing, config, decision.origin);
        if (config.exposedHeaders !== undefined) outgoing.set('access-control-expose-headers', config.exposedHeaders);
      }
      return null;
    };
  },
};

function allowOrigin(outgoing: OutgoingHeaders, config: CompiledCors, origin: string): void {
  for (const name of CORS_HEADERS) outgoing.delete(name);
  // The request's own origin even for `*`: the literal star would be refused by browsers for requests with cookies.
  outgoing.set('access-control-allow-origin', origin);
  if (config.credentials === true) outgoing.set('access-control-allow-credentials', 'true');
}
