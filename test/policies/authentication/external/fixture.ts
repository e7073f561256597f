/** The method `external` over a service that the test plays. */
import { GatewayError } from '../../../../src/diagnostics/errors.ts';
import type { Finding } from '../../../../src/diagnostics/finding.ts';
import { createRequestBody } from '../../../../src/gateway/request-body.ts';
import type { Json } from '../../../../src/model/route-model.ts';
import { externalMethod } from '../../../../src/policies/authentication/external/method.ts';
import type { AuthVerdict, HeaderEdit } from '../../../../src/policies/authentication/method.ts';
import type { PolicyRuntime, PolicyTarget, RequestBody } from '../../../../src/policies/contract.ts';
import { factsOf, runtimeOf } from '../../chain.ts';
import { lowerOptions } from '../../lowering.ts';

export type Asked = { readonly target: PolicyTarget; readonly path: string; readonly init: RequestInit };

export const SERVICE = 'http://127.0.0.1:3000';

export function lowerExternal(options: unknown): {
  readonly config: Json | null;
  readonly findings: readonly Finding[];
} {
  const { config, findings } = lowerOptions('auth', { require: 'all', methods: [{ method: 'external', options }] });
  if (config === null) return { config: null, findings };
  const { methods } = config as { methods: readonly { config: Json }[] };
  return { config: methods[0]?.config ?? null, findings };
}

export function loweredExternal(options: Readonly<Record<string, unknown>> = {}): Json {
  const { config, findings } = lowerExternal({ service: SERVICE, ...options });
  if (config === null) throw new Error(findings.map(({ message }) => message).join('\n'));
  return config;
}

export type Outcome =
  | { readonly kind: 'allow'; readonly consumer: string | null; readonly edits: readonly HeaderEdit[] }
  | { readonly kind: 'deny'; readonly answer: Response; readonly challenge: string | null }
  | { readonly kind: 'error'; readonly status: number; readonly code: string };

export class ExternalStand {
  readonly asked: Asked[] = [];
  readonly logged: Readonly<Record<string, Json>>[] = [];
  readonly waited: Promise<unknown>[] = [];
  nowMs = 1_000_000;
  readonly #config: Json;
  readonly #runtime: PolicyRuntime;

  constructor(
    options: Readonly<Record<string, unknown>>,
    answer: (asked: Asked) => Response | Promise<Response>,
    config: Json = loweredExternal(options),
  ) {
    this.#config = config;
    this.#runtime = runtimeOf({
      now: () => this.nowMs,
      log: (event, fields) => this.logged.push({ event, ...fields }),
      ask: async (target, path, init) => {
        const asked = { target, path, init };
        this.asked.push(asked);
        return answer(asked);
      },
    });
  }

  async check(request: Parameters<typeof factsOf>[0] = {}, body?: RequestBody): Promise<Outcome> {
    return outcomeOf(() => this.verdict(request, body));
  }

  async verdict(request: Parameters<typeof factsOf>[0] = {}, body?: RequestBody): Promise<AuthVerdict> {
    return externalMethod.create(this.#config, this.#runtime).check({
      facts: factsOf(request),
      body: body ?? createRequestBody(new Request('http://gateway.test/')),
      waitUntil: (work) => this.waited.push(work),
      routeId: 'Mapping/default/m',
      scopes: [],
    });
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error('The service was not asked.');
    return last;
  }

  get headers(): Record<string, string> {
    return Object.fromEntries(new Headers(this.last.init.headers));
  }
}

export async function outcomeOf(check: () => Promise<AuthVerdict>): Promise<Outcome> {
  try {
    const verdict = await check();
    if (verdict.kind === 'allow')
      return { kind: 'allow', consumer: verdict.consumer?.id ?? null, edits: verdict.edits };
    if (!(verdict.answer instanceof Response)) throw new Error('a denial without an answer');
    return { kind: 'deny', answer: verdict.answer, challenge: verdict.challenge };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { kind: 'error', status: error.status, code: error.code };
  }
}

/** A body of the request in these chunks. */
export function bodyOf(...chunks: readonly (string | Uint8Array)[]): RequestBody {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const chunk of chunks) {
        controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : new Uint8Array(chunk));
      }
      controller.close();
    },
  });
  return createRequestBody(
    new Request('http://gateway.test/', { method: 'POST', body: stream, duplex: 'half' } as RequestInit),
  );
}
