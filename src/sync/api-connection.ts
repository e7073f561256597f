/**
 * KubernetesApi over HTTPS. Who we are and whom we believe is the official client's matter: kubeconfig,
 * in-cluster account, exec and OIDC logins, rotated tokens and certificates. Asked for each request.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import { createInterface } from 'node:readline';
import type { KubeConfig } from '@kubernetes/client-node';
import { ApiError, ApiUnreachable, type ApiCall, type KubernetesApi } from './kubernetes-api.ts';

/** The API server answers lists of thousands within seconds; one that says nothing this long is gone. */
const ANSWER_MS = 60_000;
/** A watch is silent for a minute at most: then comes a bookmark. */
const SILENCE_MS = 180_000;
const LONGEST_RETRY_MS = 300_000;
/** Longer answers are no answers of an API server. Bytes. */
const MAX_BODY = 512 * 1024 * 1024;

export function connectApi(config: KubeConfig): KubernetesApi {
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };

  async function open(
    call: ApiCall,
    signal: AbortSignal | undefined,
    silenceMs: number,
  ): Promise<http.IncomingMessage> {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new ApiUnreachable('the kubeconfig names no cluster');
    const url = new URL(cluster.server.replace(/\/$/, '') + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    const headers: http.OutgoingHttpHeaders = { accept: 'application/json', 'user-agent': 'portolan-sync' };
    const options: https.RequestOptions = { method: call.method, signal, headers };
    await config.applyToHTTPSOptions(options);
    // The client's own agents keep no connection; a proxy needs its own.
    if (cluster.proxyUrl === undefined) options.agent = url.protocol === 'http:' ? agents.http : agents.https;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    if (body !== undefined) {
      headers['content-type'] = call.contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(body);
    }
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'http:' ? http : https).request(url, options, resolve);
      request.setTimeout(silenceMs, () => request.destroy(new Error(`nothing was said for ${silenceMs / 1000} s`)));
      request.on('error', (error) => reject(new ApiUnreachable(`${url.host}: ${error.message}`, { cause: error })));
      request.end(body);
    });
  }

  return {
    request: async (call, signal) => {
      const response = await open(call, signal, ANSWER_MS);
      const text = await readAll(response);
      assertGood(response, text, call.path);
      return text === '' ? null : parse(text);
    },
    stream: async function* stream(call, signal) {
      if (signal.aborted) return;
      const response = await open(call, signal, SILENCE_MS).catch((error: unknown) => {
        if (signal.aborted) return null;
        throw error;
      });
      if (response === null) return;
      if ((response.statusCode ?? 0) >= 400) assertGood(response, await readAll(response), call.path);
      yield* readLines(response, signal);
    },
  };
}

async function readAll(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY) throw new Error('the answer is too long');
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(error);
  }
  // A connection that breaks in the middle may end the iteration without an error.
  if (!response.complete) throw new ApiUnreachable('the answer broke off');
  return Buffer.concat(chunks).toString('utf8');
}

async function* readLines(response: http.IncomingMessage, signal: AbortSignal): AsyncGenerator {
  const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY });
  // readline hands an error of its input on in some states and just ends in others.
  let failure: unknown;
  response.once('error', (error) => {
    failure = error;
  });
  try {
    for await (const line of lines) if (line !== '') yield parse(line);
  } catch (error) {
    failure ??= error;
  } finally {
    lines.close();
    response.destroy();
  }
  if (signal.aborted) return;
  if (failure !== undefined) throw unreachable(failure);
  if (!response.complete) throw new ApiUnreachable('the watch broke off');
}

function assertGood(response: http.IncomingMessage, text: string, path: string): void {
  const status = response.statusCode ?? 0;
  if (status < 400) return;
  const { message, reason } = readStatus(text);
  const said = typeof message === 'string' ? message : `the API server answered ${status} to ${path}`;
  throw new ApiError(status === 401 ? `${said}: the API server does not know this token or certificate` : said, {
    status,
    reason: typeof reason === 'string' ? reason : null,
    retryAfterMs: readRetryAfterMs(response.headers['retry-after']),
  });
}

/** null: none that can be read. A longer wait would look like silence, and a timer takes 24 days at most. */
export function readRetryAfterMs(header: string | undefined): number | null {
  const seconds = Number(header ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, LONGEST_RETRY_MS) : null;
}

/** A `Status` object, if that is what the server sent. */
function readStatus(text: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === 'object' && said !== null ? { ...said } : {};
  } catch {
    return {};
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiUnreachable('the answer is no JSON', { cause: error });
  }
}

function unreachable(error: unknown): ApiUnreachable {
  if (error instanceof ApiUnreachable) return error;
  return new ApiUnreachable(error instanceof Error ? error.message : String(error), { cause: error });
}
