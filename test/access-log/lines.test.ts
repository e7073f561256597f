import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LINE, readLines, type Line } from '../../src/access-log/lines.ts';

async function* chunksOf<Chunk>(chunks: readonly Chunk[]): AsyncGenerator<Chunk> {
  yield* chunks;
}

async function linesOf(chunks: readonly (Uint8Array | string)[]): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const batch of readLines(chunksOf(chunks))) lines.push(...batch);
  return lines;
}

describe('readLines', () => {
  it('gives the same lines however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), fc.array(fc.nat(40)), async (texts, cuts) => {
        const text = texts.map((line) => line.replaceAll(/[\r\n]/g, '_')).join('\n');
        const bytes = new TextEncoder().encode(text);
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        chunks.push(bytes.subarray(at));
        const whole = text.endsWith('\n') || text === '' ? text.split('\n').slice(0, -1) : text.split('\n');
        expect(await linesOf(chunks)).toEqual(whole);
      }),
    );
  });

  it('takes the return off, and what has no line feed as a line', async () => {
    expect(await linesOf(['a\r\nb', '\n\nc\r'])).toEqual(['a', 'b', '', 'c']);
  });

  it('lets no line grow: a longer one is null, once', async () => {
    const part = 'x'.repeat(MAX_LINE / 2);
    expect(await linesOf(['a\n', part, part, part, part, `${part}\nb\n`, part])).toEqual(['a', null, 'b', part]);
    expect(await linesOf([part, part, part])).toEqual([null]);
    expect(await linesOf([`${part}${part}${part}\nb`])).toEqual([null, 'b']);
  });
});
