/** Asks a running gateway for its counters, over its private socket; for operators, not for requests. */
import type { LimitAnswer, LimitCall } from '../limits/calls.ts';
import { askSocket } from './unix-socket.ts';

const TIMEOUT_MS = 5_000;

/** Answers in the order of the calls. Rejects when nobody answers within 5 s, or not as it should. */
export async function askCounters(socketPath: string, calls: readonly LimitCall[]): Promise<readonly LimitAnswer[]> {
  const request = { method: 'POST', path: '/decide', body: JSON.stringify(calls) } as const;
  const { status, body } = await askSocket(socketPath, request, TIMEOUT_MS);
  return readAnswers(status, body, calls.length);
}

function readAnswers(status: number, text: string, count: number): readonly LimitAnswer[] {
  if (status !== 200) throw new Error(`the process that holds them answered ${status}`);
  const answers: unknown = JSON.parse(text);
  if (!isAnswers(answers) || answers.length !== count)
    throw new Error('the process that holds them answered something else');
  return answers;
}

/** Our own process wrote it: what is looked at is whether it is of this version. */
function isAnswers(value: unknown): value is readonly LimitAnswer[] {
  return (
    Array.isArray(value) && value.every((one: unknown) => typeof one === 'object' && one !== null && 'outcomes' in one)
  );
}
