/** One kept connection to an edge process of the measurement: one question at a time. */
import * as net from 'node:net';
import { parseAnswer } from '../bench/load-generator.ts';
import type { TakeAnswer } from './protocol.ts';

type Waiting = { readonly resolve: (body: string) => void; readonly reject: (error: Error) => void };

export class HarnessConnection {
  readonly #socket: net.Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | null = null;
  #process: string | null = null;

  static open(port: number): Promise<HarnessConnection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new HarnessConnection(socket));
      });
    });
  }

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('The edge process closed the connection.')));
  }

  /** Of the edge process that accepted the connection: a name that no other has. */
  async process(): Promise<string> {
    this.#process ??= (await this.ask<TakeAnswer>('/take', { tag: -1, checks: [] })).process;
    return this.#process;
  }

  /** Throws when the answer is not 200. */
  async ask<Answer>(path: string, question: object): Promise<Answer> {
    if (this.#waiting !== null) throw new Error('One question at a time.');
    const body = JSON.stringify(question);
    const text = await new Promise<string>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const length = Buffer.byteLength(body);
      this.#socket.write(`POST ${path} HTTP/1.1\r\nhost: harness\r\ncontent-length: ${length}\r\n\r\n${body}`);
    });
    return JSON.parse(text) as Answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const answer = parseAnswer(this.#received);
    if (answer === null) return;
    const body = this.#received.toString('utf8', answer.bodyStart, answer.length);
    this.#received = this.#received.subarray(answer.length);
    const waiting = this.#waiting;
    this.#waiting = null;
    if (answer.status === '200') waiting?.resolve(body);
    else waiting?.reject(new Error(`The edge process answered ${answer.status}: ${body}`));
  }

  #end(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = null;
  }
}
