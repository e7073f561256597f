/** Methods over a namespace in memory that counts its reads and can be away. */
import { GatewayError } from '../../../src/diagnostics/errors.ts';
import type { Json } from '../../../src/model/route-model.ts';
import { apiKeyMethod } from '../../../src/policies/authentication/api-key/method.ts';
import { basicMethod } from '../../../src/policies/authentication/basic/method.ts';
import type { AuthMethod, AuthVerdict } from '../../../src/policies/authentication/method.ts';
import { authMethodLowering } from '../../../src/policies/authentication/method-lowerings.ts';
import type { PolicyRuntime, RequestFacts } from '../../../src/policies/contract.ts';
import { MemoryStore } from '../../program/memory-store.ts';
import { factsOf, runtimeOf } from '../chain.ts';
import type { Finding } from '../../../src/diagnostics/finding.ts';

export const START = Date.parse('2026-01-01T00:00:00.000Z');

export class KeyStand {
  readonly store = new MemoryStore();
  readonly log: { event: string; fields: Readonly<Record<string, Json>> }[] = [];
  readonly background: Promise<unknown>[] = [];
  secrets: Readonly<Record<string, string>> = {};
  nowMs = START;
  away = false;
  /** When set, reads wait for it. */
  gate: Promise<void> | null = null;
  readonly runtime: PolicyRuntime = runtimeOf({
    now: () => this.nowMs,
    log: (event, fields) => this.log.push({ event, fields }),
    secret: (name) => this.secrets[name] ?? null,
    keys: {
      get: async (name) => {
        this.reads.push(name);
        await this.gate;
        if (this.away) throw new Error('KEYS is away');
        return this.store.values.get(name)?.value ?? null;
      },
    },
  });
  readonly reads: string[] = [];

  method(name: 'api-key' | 'basic', options: unknown = {}): AuthMethod {
    const { config, findings } = lowerMethod(name, options);
    if (config === null) throw new Error(findings.map(({ message }) => message).join('\n'));
    return (name === 'basic' ? basicMethod : apiKeyMethod).create(config, this.runtime);
  }

  async check(method: AuthMethod, facts: Parameters<typeof factsOf>[0], scopes: readonly string[] = []) {
    return summary(await this.ask(method, factsOf(facts), scopes));
  }

  async ask(
    method: AuthMethod,
    facts: RequestFacts,
    scopes: readonly string[] = [],
  ): Promise<AuthVerdict | GatewayError> {
    try {
      return await method.check({
        facts,
        body: { peek: () => Promise.resolve({ bytes: new Uint8Array(0), isWhole: true }) },
        waitUntil: (work) => this.background.push(work),
        routeId: 'r',
        scopes,
      });
    } catch (error) {
      if (error instanceof GatewayError) return error;
      throw error;
    }
  }
}

/** What a test wants to see of a verdict: the consumer's id, or status and code. */
export function summary(verdict: AuthVerdict | GatewayError): string {
  if (verdict instanceof GatewayError) return `throws ${verdict.status} ${verdict.code}`;
  if (verdict.kind === 'allow') return `allow ${verdict.consumer?.id}`;
  return `${verdict.answer.status} ${verdict.code}${verdict.isMissing ? ' missing' : ''}`;
}

export function lowerMethod(
  name: string,
  options: unknown,
): { readonly config: Json | null; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const lowering = authMethodLowering(name);
  if (lowering === null) throw new Error(`no method ${name}`);
  const source = { kind: 'Route', namespace: null, name: 'r', file: 'routes.config.ts', line: 3, path: 'auth' };
  const config = lowering.lower(options, {
    routeId: 'r',
    source,
    report: (finding) => findings.push(finding),
    target: 'self-hosted',
    trustedHops: 0,
    upstream: () => ({ code: 'x', message: 'not asked', hint: null }),
    regex: () => ({ code: 'x', message: 'not asked', hint: null }),
  });
  return { config, findings };
}
