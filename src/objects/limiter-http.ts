/** What the supervisor and operators ask of the process that holds the counters: plain HTTP on its private socket. */
import type { LimitCall } from '../limits/calls.ts';
import type { WaitUntil } from '../limits/limiter.ts';
import type { LimitObjects } from './open-limits.ts';

/**
 * `POST /flush` before the process is stopped, 204 when all is written; `POST /decide` with calls as JSON, `show` and
 * `reset` alone.
 */
export async function answerOperator(
  request: Request,
  { client, flush }: LimitObjects,
  waitUntil: WaitUntil,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (request.method !== 'POST') return new Response(null, { status: 404 });
  if (pathname === '/flush') {
    const reasons = await flush();
    return reasons.length === 0 ? new Response(null, { status: 204 }) : notWritten(reasons);
  }
  if (pathname !== '/decide') return new Response(null, { status: 404 });
  const calls = readCalls(await request.text());
  if (calls === null) return new Response('calls are a JSON array of show and reset\n', { status: 400 });
  return Response.json(await client.decide(calls, waitUntil));
}

function notWritten([first = '', ...others]: readonly string[]): Response {
  const problem = {
    type: 'about:blank',
    title: 'Internal Server Error',
    status: 500,
    detail: `${others.length + 1} ${others.length === 0 ? 'object' : 'objects'} could not write: ${first}`,
    code: 'counters-not-written',
  };
  return Response.json(problem, { status: 500, headers: { 'content-type': 'application/problem+json' } });
}

function readCalls(text: string): readonly LimitCall[] | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  return Array.isArray(json) && json.every(isOperatorCall) ? json : null;
}

function isOperatorCall(value: unknown): value is LimitCall {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('keys' in value)) return false;
  const { kind, keys } = value;
  return (kind === 'show' || kind === 'reset') && Array.isArray(keys) && keys.every((key) => typeof key === 'string');
}
