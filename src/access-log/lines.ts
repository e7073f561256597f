/** Chunks of bytes → lines, in memory that no input can make grow. */

/** Longer lines are told of and left out. Characters. */
export const MAX_LINE = 65_536;

/** null: a line longer than MAX_LINE. */
export type Line = string | null;

/** The lines that each chunk completes, and at the end what has no line feed. Bytes that are no UTF-8 become U+FFFD. */
export async function* readLines(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<readonly Line[]> {
  const decoder = new TextDecoder();
  let rest = '';
  let isTooLong = false;
  for await (const chunk of chunks) {
    const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    const lines: Line[] = parts.map((line, index) =>
      (index === 0 && isTooLong) || line.length > MAX_LINE ? null : withoutReturn(line),
    );
    if (parts.length > 0) isTooLong = false;
    if (rest.length > MAX_LINE) {
      isTooLong = true;
      rest = '';
    }
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (isTooLong) yield [null];
  else if (rest !== '') yield [withoutReturn(rest)];
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
