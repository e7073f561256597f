/** Answers like Cloudflare's KV REST API, on loopback: envelopes, limits, cursors, and failures on demand. */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

export type SeenRequest = { readonly method: string; readonly path: string; readonly pairs: number };
type Trouble = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };
type Entry = { readonly value: string; readonly metadata: unknown };

export const ACCOUNT = 'account-1';
export const NAMESPACE = 'namespace-1';
export const TOKEN = 'secret-token';

export class CloudflareStandIn {
  readonly values = new Map<string, Entry>();
  readonly requests: SeenRequest[] = [];
  /** Answers that the next requests get instead of the right ones. `drop` cuts the connection. */
  readonly troubles: (Trouble | 'drop')[] = [];
  /** Keys that bulk calls leave out, as often as the number says. */
  readonly unsuccessful = new Map<string, number>();
  pageSize = 1000;
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/client/v4`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const method = request.method ?? '';
    this.requests.push({ method, path: url.pathname, pairs: Array.isArray(body) ? body.length : 0 });
    const trouble = this.troubles.shift();
    if (trouble === 'drop') {
      request.socket.destroy();
      return;
    }
    if (trouble !== undefined) {
      response.writeHead(trouble.status, trouble.headers).end(trouble.body ?? errorBody(10_000, 'stand-in trouble'));
      return;
    }
    const { status, answer } = this.#answer(method, url, body, request.headers.authorization);
    response.writeHead(status, { 'content-type': 'application/json' }).end(answer);
  }

  #answer(
    method: string,
    url: URL,
    body: unknown,
    authorization: string | undefined,
  ): { status: number; answer: string } {
    if (authorization !== `Bearer ${TOKEN}`) return { status: 403, answer: errorBody(10_000, 'Authentication error') };
    const base = `/client/v4/accounts/${ACCOUNT}/storage/kv/namespaces/`;
    if (!url.pathname.startsWith(base)) return { status: 404, answer: errorBody(7003, 'Could not route') };
    const [namespace = '', ...rest] = url.pathname.slice(base.length).split('/');
    if (namespace !== NAMESPACE) return { status: 404, answer: errorBody(10_013, 'namespace not found') };
    const call = `${method} ${rest.slice(0, rest[0] === 'values' ? 1 : 2).join('/')}`;
    switch (call) {
      case 'GET values':
        return this.#value(decodeURIComponent(rest[1] ?? ''));
      case 'GET keys':
        return this.#keys(url.searchParams);
      case 'PUT bulk':
        return this.#bulk(body as { key: string; value: string; metadata?: unknown }[], ({ key, value, metadata }) =>
          this.values.set(key, { value, metadata }),
        );
      case 'POST bulk/delete':
        return this.#bulk(
          (body as string[]).map((key) => ({ key })),
          ({ key }) => this.values.delete(key),
        );
      case 'POST bulk/get':
        return this.#bulkGet((body as { keys: string[] }).keys);
      default:
        return { status: 405, answer: errorBody(10_000, `no ${call} here`) };
    }
  }

  #value(key: string): { status: number; answer: string } {
    const entry = this.values.get(key);
    if (entry === undefined) return { status: 404, answer: errorBody(10_009, "get: 'key not found'") };
    return { status: 200, answer: entry.value };
  }

  #keys(query: URLSearchParams): { status: number; answer: string } {
    const all = [...this.values.keys()].filter((key) => key.startsWith(query.get('prefix') ?? '')).toSorted();
    const start = Number(query.get('cursor') ?? 0);
    const end = Math.min(all.length, start + Math.min(this.pageSize, Number(query.get('limit') ?? 1000)));
    const result = all.slice(start, end).map((name) => {
      const metadata = this.values.get(name)?.metadata;
      return metadata === undefined ? { name } : { name, metadata };
    });
    const cursor = end < all.length ? String(end) : '';
    return {
      status: 200,
      answer: JSON.stringify({
        success: true,
        errors: [],
        messages: [],
        result,
        result_info: { count: result.length, cursor },
      }),
    };
  }

  #bulk<Item extends { readonly key: string }>(
    items: readonly Item[],
    apply: (item: Item) => void,
  ): { status: number; answer: string } {
    if (items.length > 10_000) return { status: 400, answer: errorBody(10_012, 'too many pairs') };
    const failed: string[] = [];
    for (const item of items) {
      const left = this.unsuccessful.get(item.key) ?? 0;
      if (left > 0) {
        this.unsuccessful.set(item.key, left - 1);
        failed.push(item.key);
      } else {
        apply(item);
      }
    }
    return {
      status: 200,
      answer: envelope({ successful_key_count: items.length - failed.length, unsuccessful_keys: failed }),
    };
  }

  #bulkGet(keys: readonly string[]): { status: number; answer: string } {
    if (keys.length > 100) return { status: 400, answer: errorBody(10_012, 'too many keys') };
    return {
      status: 200,
      answer: envelope({ values: Object.fromEntries(keys.map((key) => [key, this.values.get(key)?.value ?? null])) }),
    };
  }
}

function envelope(result: unknown): string {
  return JSON.stringify({ success: true, errors: [], messages: [], result });
}

function errorBody(code: number, message: string): string {
  return JSON.stringify({ success: false, errors: [{ code, message }], messages: [], result: null });
}
