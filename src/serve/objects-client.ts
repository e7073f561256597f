/** Asks the process that holds the counters, over its own socket; for operators, not for requests. */
import * as http from 'node:http';
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';

const TIMEOUT_MS = 5_000;

/** Answers in the order of the calls. Rejects when the process does not answer within 5 s, or not as it should. */
export function askObjects(socketPath: string, calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> {
  const body = JSON.stringify(calls);
  return new Promise((resolve, reject) => {
    const request = http.request({
      socketPath,
      path: '/decide',
      method: 'POST',
      // An open connection would keep the process alive.
      agent: false,
      headers: { host: 'limiter', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        try {
          resolve(readAnswers(response.statusCode, Buffer.concat(chunks).toString('utf8'), calls.length));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    request.end(body);
  });
}

function readAnswers(status: number | undefined, text: string, count: number): readonly LimitAnswer[] {
  if (status !== 200) throw new Error(`the objects process answered ${status}`);
  const answers: unknown = JSON.parse(text);
  if (!isAnswers(answers) || answers.length !== count) throw new Error('the objects process answered something else');
  return answers;
}

/** Our own process wrote it: what is looked at is whether it is of this version. */
function isAnswers(value: unknown): value is readonly LimitAnswer[] {
  return (
    Array.isArray(value) && value.every((one: unknown) => typeof one === 'object' && one !== null && 'outcomes' in one)
  );
}
