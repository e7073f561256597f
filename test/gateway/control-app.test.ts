import { describe, expect, it } from 'vitest';
import { answerControl, type Controlled } from '../../src/gateway/control-app.ts';

function asking(changes: Partial<Controlled> = {}) {
  const gathered: number[] = [];
  const control: Controlled = {
    reload: () => Promise.resolve({ version: 'v2' }),
    status: () => ({ version: 'v1', platform: 'self-hosted' }),
    gather: (ms) => void gathered.push(ms),
    ...changes,
  };
  const ask = (method: string, path: string) =>
    answerControl(new Request(`http://control.invalid${path}`, { method }), control);
  return { ask, gathered };
}

describe('the endpoints of operators', () => {
  it('tell the status, load the program, hold answers back', async () => {
    const { ask, gathered } = asking();
    expect(await (await ask('GET', '/status')).json()).toEqual({ version: 'v1', platform: 'self-hosted' });
    expect(await (await ask('POST', '/reload')).json()).toEqual({ version: 'v2' });
    expect((await ask('POST', '/gather?ms=200')).status).toBe(204);
    expect(gathered).toEqual([200]);
  });

  it.each([
    ['GET', '/'],
    ['GET', '/reload'],
    ['GET', '/gather?ms=1'],
    ['POST', '/status'],
    ['GET', '/status/x'],
  ])('know no %s %s', async (method, path) => {
    const { ask, gathered } = asking();
    expect((await ask(method, path)).status).toBe(404);
    expect(gathered).toEqual([]);
  });

  it('hide no failure', async () => {
    const { ask } = asking({ reload: () => Promise.reject(new Error('the store is gone')) });
    await expect(ask('POST', '/reload')).rejects.toThrow('the store is gone');
  });
});
