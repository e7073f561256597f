/** Which injected headers the gateway can take from every client request, of any route. */
import type { CompiledJwt } from './compiled.ts';

/**
 * Headers that clients send for reasons of their own. On the route itself the method overwrites or removes
 * them all the same; taken from all other routes they would break requests that have nothing to do with it.
 */
const OF_CLIENTS =
  /^(?:accept|accept-.*|access-control-request-.*|authorization|cache-control|content-.*|cookie|date|dnt|if-.*|max-forwards|origin|pragma|prefer|priority|range|referer|sec-.*|te|upgrade-insecure-requests|user-agent|via|x-requested-with)$/;

export function injectedNames({ inject, token }: Pick<CompiledJwt, 'inject' | 'token'>): readonly string[] {
  const names = new Set(inject.map(({ name }) => name));
  return [...names].filter((name) => name !== token.header && !OF_CLIENTS.test(name));
}
