/** Many requests over a few kept connections, byte for byte as they were written. */
import * as net from 'node:net';
import { splitAnswers, type RawAnswer } from '../hostile/raw-client.ts';

export type PooledRequest = {
  /** Latin-1. */
  readonly bytes: string;
  readonly isHead?: boolean;
  /** `answer` null: the connection ended without one. */
  readonly answered: (answer: RawAnswer | null) => void;
};

export type PoolReport = {
  readonly sent: number;
  /** Above the number of lanes: the server ended connections. */
  readonly connections: number;
  /** Answers that did not come in time. */
  readonly silences: number;
  readonly perSecond: number;
};

/** Without a byte for as long, a request counts as unanswered. */
const SILENCE_MS = 10_000;

/** `next` is asked until it has no more; each lane waits for its answer before it takes another. */
export async function sendAll(port: number, lanes: number, next: () => PooledRequest | null): Promise<PoolReport> {
  const counts = { sent: 0, connections: 0, silences: 0 };
  const begun = performance.now();
  const lane = async (): Promise<void> => {
    let connection: Connection | null = null;
    for (let request = next(); request !== null; request = next()) {
      counts.sent += 1;
      if (connection === null || connection.isOver) {
        connection = new Connection(port);
        counts.connections += 1;
      }
      const answer = await connection.ask(request.bytes, request.isHead === true);
      if (answer === 'silence') counts.silences += 1;
      request.answered(typeof answer === 'string' ? null : answer);
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { ...counts, perSecond: Math.round(counts.sent / ((performance.now() - begun) / 1_000)) };
}

class Connection {
  readonly #socket: net.Socket;
  #received = '';
  #look: () => void = () => undefined;
  isOver = false;

  constructor(port: number) {
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setTimeout(SILENCE_MS);
    this.#socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
      this.#look();
    });
    const over = (): void => {
      this.isOver = true;
      this.#look();
    };
    this.#socket.on('end', over);
    this.#socket.on('close', over);
    this.#socket.on('error', over);
  }

  ask(bytes: string, isHead: boolean): Promise<RawAnswer | 'silence' | 'ended'> {
    return new Promise((resolve) => {
      const settle = (answer: RawAnswer | 'silence' | 'ended'): void => {
        this.#look = () => undefined;
        this.#socket.removeAllListeners('timeout');
        resolve(answer);
      };
      this.#look = () => {
        const { answers, rest } = splitAnswers(this.#received, isHead);
        const [answer] = answers;
        if (answer !== undefined) {
          // Whatever follows an answer that nobody asked for is not attributed to the next request.
          if (rest !== '' || answers.length > 1 || answer.headers.get('connection') === 'close') this.close();
          this.#received = '';
          settle(answer);
        } else if (this.isOver) {
          settle('ended');
        }
      };
      this.#socket.once('timeout', () => {
        this.close();
        settle('silence');
      });
      this.#socket.write(Buffer.from(bytes, 'latin1'));
      if (this.isOver) this.#look();
    });
  }

  close(): void {
    this.isOver = true;
    this.#socket.destroy();
  }
}
