/** A golden probe, answered by the same explainer as `portolan explain` and `portolan test`. */
import type { BuildResult } from '../../src/compile/build-program.ts';
import { explainRequest } from '../../src/explain/explain.ts';
import { requestProblem } from '../../src/explain/probe-request.ts';

export type GoldenProbe = {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly expect: object;
};

/** Throws for a probe that no client could send: it would prove nothing. */
export function explainCase({ program, model }: BuildResult, { name, request }: GoldenProbe): Promise<object> {
  const sent = { method: request.method, url: request.url, headers: Object.entries(request.headers ?? {}) };
  const problem = requestProblem(sent);
  if (problem !== null) throw new Error(`Probe "${name}": ${problem}`);
  return explainRequest(program, sent, { model });
}
