/** Ways to prove an identity, declared once under a name, and how routes demand them. */
import * as z from 'zod';
import { nearest } from '../diagnostics/nearest.ts';
import type { Json, Provenance } from '../model/route-model.ts';
import type { AuthMethodUse, AuthOptions } from '../policies/auth/options.ts';
import { apiKeyOptionsSchema } from '../policies/authentication/api-key/options.ts';
import { basicOptionsSchema } from '../policies/authentication/basic/options.ts';
import { externalOptionsSchema } from '../policies/authentication/external/options.ts';
import { jwtOptionsSchema } from '../policies/authentication/jwt/options.ts';
import { problem, problemsOf, unknownKey, valueAt, type Problem } from './problems.ts';

/** Keys of an entry of `authentication` → the methods they name. */
const METHODS = {
  jwt: { method: 'jwt', schema: jwtOptionsSchema },
  apiKey: { method: 'api-key', schema: apiKeyOptionsSchema },
  basic: { method: 'basic', schema: basicOptionsSchema },
  external: { method: 'external', schema: externalOptionsSchema },
} as const;
const METHOD_KEYS = Object.keys(METHODS);

/** By name; null: declared but not usable, so that routes which demand it refuse without a second complaint. */
export type DeclaredMethods = ReadonlyMap<string, AuthMethodUse | null>;

export type ReadMethod = { readonly use: AuthMethodUse | null; readonly problems: readonly Problem[] };

/** One entry of `authentication`: exactly one of the keys of METHODS. */
export function readMethod(entry: Json, source: Provenance): ReadMethod {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return {
      use: null,
      problems: [problem([], `A way to authenticate is an object with one of ${list(METHOD_KEYS)}.`)],
    };
  }
  const keys = Object.keys(entry);
  const unknown = keys.filter((key) => !METHOD_KEYS.includes(key));
  if (unknown.length > 0) return { use: null, problems: unknown.map((key) => unknownKey([], key, METHOD_KEYS)) };
  const [key, second] = keys;
  if (key === undefined || second !== undefined || !isMethodKey(key)) {
    const hint = 'Declare each way under a name of its own; a route combines them with `anyOf` or `allOf`.';
    return {
      use: null,
      problems: [problem([], `Exactly one of ${list(METHOD_KEYS)} says how to authenticate.`, hint)],
    };
  }
  const { method, schema } = METHODS[key];
  const options = valueAt(entry, [key]) ?? null;
  const result = schema.safeParse(options);
  const problems = result.success
    ? []
    : problemsOf(result.error, schema, options).map((each) => unquoted({ ...each, at: [key, ...each.at] }, entry));
  return { use: problems.length === 0 ? { method, options, source } : null, problems };
}

/** What stands where a secret is named may be the secret: no finding, and so no log of a build, repeats it. */
function unquoted(each: Problem, entry: Json): Problem {
  if (each.at.at(-1) !== 'secret' || typeof valueAt(entry, each.at) !== 'string') return each;
  const hint = "Write `secret: env('NAME')`; the process that serves gets the value as docs/policies/jwt-keys.md says.";
  return problem(each.at, '`secret` names a secret and never holds one.', hint);
}

const names = z.array(z.string().min(1)).min(1);

/** What a route says under `policies.auth`. */
export const authUseSchema = z.union([
  z.string().min(1),
  z
    .strictObject({
      method: z.exactOptional(z.string().min(1)),
      anyOf: z.exactOptional(names),
      allOf: z.exactOptional(names),
      optional: z.exactOptional(z.boolean()),
      recomputeRoute: z.exactOptional(z.boolean()),
    })
    .superRefine(({ method, anyOf, allOf }, context) => {
      if ([method, anyOf, allOf].filter((each) => each !== undefined).length === 1) return;
      const message = 'Exactly one of `method`, `anyOf` and `allOf` says what is demanded.';
      context.addIssue({ code: 'custom', message });
    }),
]);

export type AuthUse = z.infer<typeof authUseSchema>;

export type ReadAuth = {
  /** null: a method cannot be used, and the route must refuse, whether or not there are problems. */
  readonly options: AuthOptions | null;
  /** What is wrong with the demand itself; a broken declaration has been told where it stands. */
  readonly problems: readonly Problem[];
};

export function readAuth(use: AuthUse, declared: DeclaredMethods): ReadAuth {
  const written = typeof use === 'string' ? { method: use } : use;
  const { method, anyOf, allOf, optional, recomputeRoute } = written;
  const wanted = allOf ?? anyOf ?? [method ?? ''];
  const problems = wanted.flatMap((name) => (declared.has(name) ? [] : [undeclared(name, declared)]));
  const isUsable = wanted.every((name) => (declared.get(name) ?? null) !== null);
  if (!isUsable) return { options: null, problems };
  const methods = wanted.flatMap((name) => declared.get(name) ?? []);
  const require = allOf === undefined ? 'any' : 'all';
  return {
    options: {
      methods,
      require,
      ...(optional !== undefined && { optional }),
      ...(recomputeRoute !== undefined && { recomputeRoute }),
    },
    problems,
  };
}

function undeclared(name: string, declared: DeclaredMethods): Problem {
  const known = [...declared.keys()];
  const near = nearest(name, known);
  const message = `There is no \`${name}\` under \`authentication\`.`;
  const others = known.length === 0 ? 'Nothing is declared there.' : `Declared: ${known.join(', ')}.`;
  return problem(['policies', 'auth'], message, near === null ? others : `Did you mean \`${near}\`?`);
}

function isMethodKey(key: string): key is keyof typeof METHODS {
  return Object.hasOwn(METHODS, key);
}

function list(keys: readonly string[]): string {
  return keys.map((key) => `\`${key}\``).join(', ');
}
