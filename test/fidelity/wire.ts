/**
 * One end of an HTTP/1.1 connection, read byte by byte: heads as they were written, bodies with their
 * framing taken off, ends told apart. Both the client and the backends of this suite are this.
 * Every wait is bounded, so that a test that waits for what never comes fails by itself.
 */
import type * as net from 'node:net';

export type Head = {
  readonly startLine: string;
  /** As on the wire, read as latin-1: name, colon, value. */
  readonly lines: readonly string[];
};

/** How the other side ended the connection. */
export type End = 'fin' | 'reset';

const DEFAULT_WAIT_MS = 8000;
/** Above this, reading stops until somebody takes bytes. */
const HIGH_WATER = 1 << 20;

export class Wire {
  readonly socket: net.Socket;
  /** Resolves when the other side can or will send nothing more. */
  readonly ended: Promise<End>;
  #chunks: Buffer[] = [];
  #length = 0;
  #end: End | null = null;
  #wake: (() => void) | null = null;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      if (this.#length > HIGH_WATER) socket.pause();
      this.#wake?.();
    });
    this.ended = new Promise((resolve) => {
      const end = (how: End): void => {
        this.#end ??= how;
        resolve(this.#end);
        this.#wake?.();
      };
      socket.on('end', () => end('fin'));
      socket.on('error', () => end('reset'));
      socket.on('close', () => end('reset'));
    });
  }

  /** Waits while the other side does not take it. Never throws: an ended connection is seen by reading. */
  async write(data: string | Buffer): Promise<void> {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (this.socket.destroyed || this.socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.socket.off('drain', go);
        this.socket.off('close', go);
        resolve();
      };
      this.socket.once('drain', go);
      this.socket.once('close', go);
    });
  }

  /** Bytes until `end` inclusive. Throws when the connection ends before. */
  async until(end: string, withinMs = DEFAULT_WAIT_MS): Promise<Buffer> {
    for (;;) {
      const at = this.#all().indexOf(end);
      if (at >= 0) return this.#take(at + Buffer.byteLength(end));
      await this.#more(withinMs, true);
    }
  }

  /** Exactly so many bytes. Throws when the connection ends before. */
  async bytes(count: number, withinMs = DEFAULT_WAIT_MS): Promise<Buffer> {
    while (this.#length < count) await this.#more(withinMs, true);
    return this.#take(count);
  }

  /** Whatever is there, at least one byte; null: the connection ended. */
  async some(withinMs = DEFAULT_WAIT_MS, atMost = Infinity): Promise<Buffer | null> {
    while (this.#length === 0) {
      if (this.#end !== null) return null;
      await this.#more(withinMs, false);
    }
    return this.#take(Math.min(atMost, this.#length));
  }

  async head(withinMs = DEFAULT_WAIT_MS): Promise<Head> {
    const text = (await this.until('\r\n\r\n', withinMs)).toString('latin1').slice(0, -4);
    const [startLine = '', ...lines] = text.split('\r\n');
    return { startLine, lines };
  }

  /** The rest, until the other side ends. */
  async rest(withinMs = DEFAULT_WAIT_MS): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let part = await this.some(withinMs); part !== null; part = await this.some(withinMs)) parts.push(part);
    return Buffer.concat(parts);
  }

  /** The body that this head announces. Throws when it is cut. */
  async body(head: Head, withinMs = DEFAULT_WAIT_MS): Promise<Buffer> {
    const parts: Buffer[] = [];
    await this.eachPart(head, (part) => void parts.push(part), withinMs);
    return Buffer.concat(parts);
  }

  /** The body in pieces as they come, without keeping it. Throws when it is cut. */
  async eachPart(head: Head, take: (part: Buffer) => void | Promise<void>, withinMs = DEFAULT_WAIT_MS): Promise<void> {
    if (values(head, 'transfer-encoding').at(-1)?.toLowerCase() === 'chunked') {
      for (;;) {
        const size = Number.parseInt((await this.until('\r\n', withinMs)).toString('latin1'), 16);
        if (size === 0) break;
        await this.#eachOf(size, take, withinMs);
        await this.bytes(2, withinMs);
      }
      // Trailers, then the empty line.
      while ((await this.until('\r\n', withinMs)).length > 2);
      return;
    }
    await this.#eachOf(Number(values(head, 'content-length')[0] ?? 0), take, withinMs);
  }

  async #eachOf(count: number, take: (part: Buffer) => void | Promise<void>, withinMs: number): Promise<void> {
    let left = count;
    while (left > 0) {
      const part = await this.some(withinMs, left);
      if (part === null) throw new Error(`The connection ended ${left} bytes before the end of the body.`);
      left -= part.length;
      await take(part);
    }
  }

  /** Ends our side in order. */
  fin(): void {
    this.socket.end();
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  #all(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(count: number): Buffer {
    const all = this.#all();
    const rest = all.subarray(count);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
    if (this.socket.isPaused() && this.#length <= HIGH_WATER) this.socket.resume();
    return all.subarray(0, count);
  }

  async #more(withinMs: number, isNeeded: boolean): Promise<void> {
    if (this.#end !== null) {
      if (!isNeeded) return;
      throw new Error(`The connection ended (${this.#end}); left over: ${JSON.stringify(this.#leftOver())}`);
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`Nothing came for ${withinMs} ms; left over: ${JSON.stringify(this.#leftOver())}`)),
        withinMs,
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }

  #leftOver(): string {
    return this.#all().toString('latin1').slice(0, 300);
  }
}

/** Values of the header lines with this name, in the order of the wire. */
export function values({ lines }: Head, name: string): readonly string[] {
  return lines
    .filter((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name.toLowerCase())
    .map((line) => line.slice(line.indexOf(':') + 1).trim());
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Rejects when it takes longer: for waits that nothing else bounds. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
