/**
 * Route tests against a running gateway: each request is sent as written, to the gateway's address, with
 * the probe's Host. Node's client is used below the level where URLs are normalised.
 */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Explained, Explainer } from '../explain/explain.ts';
import { compareLive, toLiveAnswer, type LiveResponse } from '../explain/live-answer.ts';
import type { RouteTest } from '../explain/parse-route-tests.ts';
import { hostOf, splitUrl, type ProbeRequest } from '../explain/probe-request.ts';
import { usageError } from './parse-arguments.ts';
import type { RouteTestResult } from './route-tests-output.ts';

/** Longer than the gateway's own default for a backend. */
const TIMEOUT_MS = 30_000;
/** An echo report is far shorter; of anything else the beginning is enough. */
const MAX_BODY_BYTES = 1_048_576;
const LOOPBACK = '127.0.0.1';

export function parseGatewayUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return url;
  throw usageError(
    'test',
    `--against takes the address of a gateway, for example http://127.0.0.1:8787; got "${text}".`,
  );
}

export async function runAgainst(gateway: URL, test: RouteTest, explainer: Explainer): Promise<RouteTestResult> {
  const explained = await explainer.explain(test.request);
  const { nearMisses } = explained.explanation;
  let response: LiveResponse;
  try {
    response = await send(gateway, test.request, explained);
  } catch (error) {
    const actual = error instanceof Error ? `no answer: ${error.message}` : String(error);
    const differences = [{ path: 'answer', expected: 'an HTTP response', actual }];
    return { test, ok: false, differences, nearMisses, offlineOnly: [] };
  }
  const { differences, offlineOnly } = compareLive(test.expect, toLiveAnswer(response), explained.shares);
  return { test, ok: differences.length === 0, differences, nearMisses, offlineOnly };
}

function send(gateway: URL, request: ProbeRequest, explained: Explained): Promise<LiveResponse> {
  const { method } = request;
  const host = hostOf(request);
  const secure = gateway.protocol === 'https:';
  return new Promise((resolve, reject) => {
    const sent = (secure ? https : http).request({
      host: gateway.hostname.replaceAll(/^\[|\]$/g, ''),
      port: gateway.port === '' ? (secure ? 443 : 80) : Number(gateway.port),
      // The certificate must be the one of the host that is asked for, wherever we connect to.
      ...(secure && { servername: host.replace(/:\d+$/, '') }),
      method,
      path: splitUrl(request.url).target || '/',
      headers: headersToSend(request, host, explained),
      setHost: false,
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const settle = (response: http.IncomingMessage, body: string): void => {
      const { statusCode: status = 0, headers } = response;
      resolve({
        method,
        status,
        contentType: headers['content-type'] ?? null,
        location: headers.location ?? null,
        body,
      });
    };
    sent.on('response', (response) => {
      readBody(response).then((body) => settle(response, body), reject);
    });
    for (const event of ['upgrade', 'connect'] as const) {
      sent.on(event, (response, socket) => {
        socket.destroy();
        settle(response, '');
      });
    }
    sent.on('error', reject);
    sent.end();
  });
}

/**
 * The facts that the test assumes about the connection travel in the forwarding headers that a gateway
 * with one trusted hop believes; the probe's own would be one hop too many.
 */
function headersToSend(
  { headers, url, clientIp }: ProbeRequest,
  host: string,
  { facts }: Explained,
): readonly string[] {
  const scheme = facts?.scheme ?? splitUrl(url).scheme ?? 'http';
  const pairs = headers.filter(([name]) => !/^(?:host|x-forwarded-proto|x-forwarded-for)$/i.test(name));
  const client = facts?.clientIp ?? clientIp ?? LOOPBACK;
  const forwarding = [['x-forwarded-proto', scheme], ...(client === LOOPBACK ? [] : [['x-forwarded-for', client]])];
  return [['Host', host], ...pairs, ...forwarding].flat();
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
