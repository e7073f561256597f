/** Authored `cors` options → what the Worker needs, and what is doubtful about them. */
import type { Json } from '../../model/route-model.ts';
import type { LowerContext, PolicyLowering } from '../contract.ts';
import { parseOptions, reportOption } from '../parse-options.ts';
import type { CompiledCors } from './compiled.ts';
import { decideCors } from './decide.ts';
import { decodeCors } from './decode.ts';
import { corsOptionsSchema, type CorsOptions } from './options.ts';

const KNOWN_KEYS = ['origins', 'methods', 'headers', 'exposedHeaders', 'credentials', 'maxAge'] as const;

export const corsLowering: PolicyLowering = {
  name: 'cors',
  lower(options, context) {
    const parsed = parseOptions(corsOptionsSchema, options, { policy: 'cors', knownKeys: KNOWN_KEYS, context });
    if (parsed === null) return null;
    reviewOrigins(parsed, context);
    return compileCors(parsed) satisfies Json;
  },
  explain(json, facts) {
    const decision = decideCors(decodeCors(json), facts);
    const origin = 'origin' in decision ? decision.origin : null;
    return {
      input: { method: facts.method, origin },
      note: NOTES[decision.kind],
      decides: decision.kind === 'preflight' || decision.kind === 'actual',
    };
  },
};

const NOTES = {
  preflight: 'complete preflight from an origin let in: the gateway answers 200 itself and no later policy runs',
  actual: 'the origin is let in: the answer carries the CORS headers',
  foreign: 'the origin is not let in: the request passes on and the answer gets no CORS headers from the gateway',
  'no-origin': 'no Origin header: nothing to decide',
} as const;

function compileCors(options: CorsOptions): CompiledCors {
  const anyOrigin = options.origins.includes('*');
  const { methods, headers, exposedHeaders, maxAge } = options;
  return {
    // With `*` the rest of the list decides nothing.
    origins: anyOrigin ? [] : [...new Set(options.origins)].toSorted(),
    ...(anyOrigin && { anyOrigin }),
    ...(options.credentials === true && { credentials: true as const }),
    ...(methods !== undefined && methods.length > 0 && { methods: methods.join(', ') }),
    ...(headers !== undefined && headers.length > 0 && { headers: headers.join(', ') }),
    ...(exposedHeaders !== undefined && exposedHeaders.length > 0 && { exposedHeaders: exposedHeaders.join(', ') }),
    ...(maxAge !== undefined && { maxAge: String(maxAge) }),
  };
}

/** Everything here is served as written: an origin too many or too few is the author's to judge, so these are warnings. */
function reviewOrigins(options: CorsOptions, context: LowerContext): void {
  if (options.origins.length === 0) {
    reportOption(context, 'warning', 'cors-no-origins', {
      message: 'The list of origins is empty, so no origin is ever let in.',
      at: ['origins'],
      hint: 'Name the origins of the sites whose scripts call this route, or remove the policy.',
    });
  }
  if (options.origins.includes('*') && options.credentials === true) {
    reportOption(context, 'warning', 'cors-any-origin-with-credentials', {
      message:
        'Every origin is let in together with credentials: any site a user visits can read this route with that user’s cookies.',
      at: ['origins'],
      hint: 'Name the origins, or set credentials to false.',
    });
  }
  for (const [index, origin] of options.origins.entries()) {
    if (origin === '*') continue;
    if (origin === 'null') {
      reportOption(context, 'warning', 'cors-origin-null', {
        message: 'The origin `null` is what every sandboxed frame and local file sends, so any site can take it on.',
        at: ['origins', index],
        hint: 'Remove it and name the real origin.',
      });
      continue;
    }
    const sent = browserForm(origin);
    if (sent === origin) continue;
    reportOption(context, 'warning', 'cors-origin-never-sent', {
      message: `No browser sends the origin \`${origin}\`, and origins are compared exactly, so it is never let in.`,
      at: ['origins', index],
      hint:
        sent === null
          ? 'An origin is scheme://host[:port], for example https://shop.example.com; patterns are not supported.'
          : `Write \`${sent}\`.`,
    });
  }
}

/** The origin as a browser would serialise it (RFC 6454 §6.2), or null when the text is no origin at all. */
function browserForm(origin: string): string | null {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s*]+$/i.test(origin)) return null;
  try {
    const url = new URL(origin);
    if (url.origin !== 'null') return url.origin;
    // Schemes of browser extensions and the like have no origin in the URL standard; they are sent as written.
    return url.host === '' || (url.pathname !== '' && url.pathname !== '/') ? null : `${url.protocol}//${url.host}`;
  } catch {
    return null;
  }
}
