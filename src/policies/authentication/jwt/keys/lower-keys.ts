/** Authored keys → compiled keys: addresses become upstreams, inline keys are judged, secrets stay names. */
import type { Json } from '../../../../model/route-model.ts';
import { serviceOfUrl } from '../../../../model/url-service.ts';
import type { LowerContext, PolicyTarget } from '../../../contract.ts';
import { reportOption } from '../../../parse-options.ts';
import { judgeJwk, type JwkDefect, type JudgedJwk } from './judge-jwk.ts';
import type { CompiledKeys } from './key-source.ts';
import { DEFAULT_MAX_STALE_MS, type KeysOptions } from './keys-options.ts';

/** Where the options stand and what the `jwt` options around them say. */
export type KeysPlace = {
  /** `iss` that tokens must have; needed for discovery. */
  readonly issuer?: string | null;
  /** Path of the keys inside the policy's options. Default: they are the options themselves. */
  readonly at?: readonly PropertyKey[];
};

const KINDS = ['jwksURI', 'discovery', 'jwks', 'secret'] as const;
const REFUSES = 'The route refuses requests, because no token could be verified.';

/** null after reporting why not: the route must refuse. */
export function lowerKeys(options: KeysOptions, context: LowerContext, place: KeysPlace = {}): CompiledKeys | null {
  const report = reporter(context, place);
  if (options.insecureTLS === true) {
    report.error('jwks-insecure-tls', 'insecureTLS', {
      message: `\`insecureTLS\` would let whoever is between the gateway and the identity provider exchange the keys. ${REFUSES}`,
      hint: 'Remove it, and name the authority of the provider as `tls.ca` of its service in routes.config.ts.',
    });
    return null;
  }
  const given = KINDS.filter((kind) => options[kind] !== undefined);
  if (given.length !== 1) {
    report.invalid(
      null,
      `needs exactly one of ${KINDS.join(', ')}${given.length === 0 ? '' : `, not ${given.join(' and ')}`}`,
    );
    return null;
  }
  const { jwksURI, jwks, secret, algorithm } = options;
  if (secret === undefined && algorithm !== undefined) {
    report.invalid('algorithm', '`algorithm` belongs to `secret`; keys of a set say themselves what they are for');
    return null;
  }
  if (jwksURI === undefined && options.discovery === undefined && options.maxStaleMs !== undefined) {
    report.invalid('maxStaleMs', '`maxStaleMs` says how long a fetched set is kept, and these keys are not fetched');
    return null;
  }
  if (jwks !== undefined) return lowerInline(jwks.keys, report);
  if (secret !== undefined) return lowerSecret(secret.env, algorithm, report);
  const maxStaleMs = options.maxStaleMs ?? DEFAULT_MAX_STALE_MS;
  if (jwksURI !== undefined) {
    const found = lowerAddress(jwksURI, 'jwksURI', context, report);
    return found === null ? null : { kind: 'jwks', ...found, maxStaleMs };
  }
  return lowerDiscovery(place.issuer ?? null, maxStaleMs, context, report);
}

type Told = { readonly message: string; readonly hint: string | null };
type Reporter = {
  error(code: string, field: PropertyKey | readonly PropertyKey[], told: Told): void;
  warning(code: string, field: PropertyKey | readonly PropertyKey[], told: Told): void;
  invalid(field: string | null, what: string): void;
};

function reporter(context: LowerContext, { at = [] }: KeysPlace): Reporter {
  const told =
    (severity: 'error' | 'warning') =>
    (code: string, field: PropertyKey | readonly PropertyKey[], { message, hint }: Told): void =>
      reportOption(context, severity, code, { message, at: [...at, ...[field].flat()], hint });
  return {
    error: told('error'),
    warning: told('warning'),
    invalid: (field, what) =>
      reportOption(context, 'error', 'policy-options-invalid', {
        message: `Policy jwt: ${what}. The route refuses requests, because the policy cannot be applied as written.`,
        at: field === null ? at : [...at, field],
        hint: null,
      }),
  };
}

function lowerAddress(
  url: string,
  field: string,
  context: LowerContext,
  report: Reporter,
): { readonly target: PolicyTarget; readonly path: string } | null {
  const found = serviceOfUrl(url);
  if (found === null) {
    report.invalid(field, `\`${field}\` must be an http or https URL without user, password and fragment`);
    return null;
  }
  const target = context.upstream(found.service);
  if ('code' in target) {
    report.error(target.code, field, { message: `${target.message} ${REFUSES}`, hint: target.hint });
    return null;
  }
  // What counts is what is connected to: a mapped service may be the other way about.
  if (target.origin.startsWith('http:')) {
    report.warning('jwks-over-http', field, {
      message: `The keys come from ${target.origin} unencrypted: whoever is on the way can exchange them, and then every token of theirs is valid.`,
      hint: 'Use https; an authority of your own is named as `tls.ca` of the service in routes.config.ts.',
    });
  }
  // Where the way to it is fixed, Host is free: the provider is asked by the name that was written, which
  // many make their answers from, wherever the configuration maps it.
  const { origin } = new URL(url);
  return { target: target.via.kind === 'fetch' ? target : { ...target, origin }, path: found.path };
}

/** OpenID Connect Discovery 1.0 section 4.1: a slash at the end of the issuer is not doubled. */
function lowerDiscovery(
  issuer: string | null,
  maxStaleMs: number,
  context: LowerContext,
  report: Reporter,
): CompiledKeys | null {
  if (issuer === null) {
    report.invalid('discovery', '`discovery` needs `issuer`, whose document it reads');
    return null;
  }
  const parts = URL.parse(issuer);
  if (parts === null || parts.search !== '' || issuer.includes('#') || issuer.includes('?')) {
    report.invalid(
      'discovery',
      '`discovery` needs an `issuer` that is an http or https URL without query and fragment',
    );
    return null;
  }
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const found = lowerAddress(url, 'discovery', context, report);
  return found === null ? null : { kind: 'discovery', ...found, issuer, maxStaleMs };
}

function lowerSecret(
  name: string,
  algorithm: KeysOptions['algorithm'],
  report: Reporter,
): Extract<CompiledKeys, { kind: 'secret' }> | null {
  if (algorithm !== undefined) return { kind: 'secret', name, algorithm };
  report.invalid('algorithm', '`secret` needs `algorithm`: HS256, HS384 or HS512');
  return null;
}

/** What must not be in a configuration at all, so that it is not carried into the program either. */
const LEAKED: ReadonlySet<JwkDefect> = new Set(['private', 'symmetric']);

function lowerInline(jwks: readonly Json[], report: Reporter): CompiledKeys | null {
  const judged = jwks.map((jwk) => judgeJwk(jwk));
  const usable: Json[] = [];
  let leaked = false;
  for (const [index, result] of judged.entries()) {
    const at = ['jwks', 'keys', index];
    if (typeof result !== 'string') {
      usable.push(publicPart(result, jwks[index] ?? null));
    } else if (LEAKED.has(result)) {
      leaked = true;
      report.error('jwks-key-secret', at, {
        message: `This key can sign tokens (${result === 'private' ? 'it holds private members' : 'it is symmetric'}), and everybody who reads this configuration has it. ${REFUSES}`,
        hint:
          result === 'private'
            ? 'Exchange the key at the provider and write down its public members only.'
            : "Exchange the key and give it to the process: `secret: env('NAME')`.",
      });
    } else {
      report.warning('jwks-key-unusable', at, {
        message: `This key is left out: ${DEFECTS[result]}. Tokens signed with it are refused.`,
        hint: null,
      });
    }
  }
  if (leaked) return null;
  if (usable.length > 0) return { kind: 'inline', keys: usable };
  report.error('jwks-no-usable-key', ['jwks', 'keys'], {
    message: `None of these keys can verify a token. ${REFUSES}`,
    hint: 'Write down public RSA (2048 bits or more), EC (P-256, P-384, P-521) or Ed25519 keys.',
  });
  return null;
}

/** Only what decides; certificates and comments stay out of the program. */
function publicPart({ kid, jwk }: JudgedJwk, written: Json): Json {
  const alg = typeof written === 'object' && written !== null && 'alg' in written ? written.alg : undefined;
  return { ...jwk, ...(kid !== null && { kid }), ...(alg !== undefined && { alg }) };
}

/** Completes "This key is left out: …". */
const DEFECTS: Readonly<Record<JwkDefect, string>> = {
  'not-an-object': 'it is no JSON object',
  'bad-kid': 'its `kid` is no text',
  symmetric: 'it is symmetric',
  private: 'it holds private members',
  'wrong-use': 'its `use` is not `sig`',
  'wrong-key-ops': 'its `key_ops` do not name `verify`',
  'unsupported-type': 'its `kty` is not RSA, EC or OKP',
  'unsupported-curve': 'its `crv` is not P-256, P-384, P-521 or Ed25519',
  'unsupported-algorithm': 'its `alg` is not one that its type can be used with',
  malformed: 'a member is missing, or is not base64url of the right length',
  'rsa-too-short': 'its modulus has fewer than 2048 bits',
  'rsa-too-long': 'its modulus has more than 8192 bits',
  'rsa-even-modulus': 'its modulus is even',
  'rsa-exponent': 'its public exponent is 1, even or longer than 32 bits',
  'rsa-roca': 'its modulus can be factored (CVE-2017-15361, ROCA)',
};
