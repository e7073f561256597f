/** One input of the corpus, and the words it is written with. */
import type { BackendName, GatewayName } from '../gateways.ts';

export type HostileInput = {
  /** Row of the table of inputs in docs/runtime-limits.md, then a letter. */
  readonly id: string;
  /** What is special about it. */
  readonly what: string;
  /** Latin-1: one character is one byte. */
  readonly bytes: string;
  readonly expected: Expected;
  /** The client waits so long, in milliseconds, before it ends an unanswered connection. Default 200. */
  readonly holdMs?: number;
  /** Default `default`. */
  readonly gateway?: GatewayName;
};

export type Expected =
  | { readonly by: 'gateway'; readonly status: number; readonly code: string }
  /** The runtime answers by itself, before or instead of the Worker. Status 0: the connection ends without an answer. */
  | { readonly by: 'runtime'; readonly status: number }
  | { readonly by: 'redirect'; readonly status: number; readonly location: string }
  | Reached;

export type Reached = {
  readonly by: 'backend';
  readonly backend: BackendName;
  /** Method and target as the backend must see them. */
  readonly line: string;
  /** Default `h.test`. */
  readonly host?: string;
  /** Header lines that must be there: lower-case name, values in order. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Lower-case names that must not be there. */
  readonly without?: readonly string[];
  readonly body?: string;
};

type Parts = {
  readonly method?: string;
  /** Written as it stands; null: no Host line. */
  readonly host?: string | null;
  readonly lines?: readonly string[];
  readonly body?: string;
};

/** A request whose framing is right; `target` and the lines are written as they stand. */
export function request(
  target: string,
  { method = 'GET', host = 'h.test', lines = [], body = '' }: Parts = {},
): string {
  const head = [`${method} ${target} HTTP/1.1`, ...(host === null ? [] : [`Host: ${host}`]), ...lines];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** `answer`: status and code, as `400 path-invalid`. */
export function gatewayAnswers(answer: string): Expected {
  const [status = '', code = ''] = answer.split(' ');
  return { by: 'gateway', status: Number(status), code };
}

export function runtimeAnswers(status: number): Expected {
  return { by: 'runtime', status };
}

export function reaches(
  backend: BackendName,
  line: string,
  more: Omit<Reached, 'by' | 'backend' | 'line'> = {},
): Expected {
  return { by: 'backend', backend, line, ...more };
}

/** As a string literal, bytes beyond ASCII as escapes, cut after 60 characters. */
export function shown(text: string): string {
  const literal = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  return literal.replaceAll(/[\u007f-\u00ff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}

/** The requests are the same but for their target. */
export function targets(
  what: string,
  expected: Expected,
  list: Readonly<Record<string, string>>,
  gateway: GatewayName = 'default',
): readonly HostileInput[] {
  return Object.entries(list).map(([id, target]) => ({
    id,
    what: `${what}: ${shown(target)}`,
    bytes: request(target),
    expected,
    gateway,
  }));
}
