/**
 * A text of several YAML documents → its parts, without parsing. YAML forbids a line that starts with
 * `---` or `...` inside any scalar, so the cut is exact, and a mistake in one part stays in that part.
 */

export type DocumentPart = {
  readonly text: string;
  /** 1-based line of the part's first line in the whole file. */
  readonly line: number;
};

const MARKER = /^(?:---|\.\.\.)(?=[ \t\r]|$)/;

/** Parts that hold only comments, blank lines and `%` directives are left out. */
export function splitDocuments(text: string): readonly DocumentPart[] {
  const parts: DocumentPart[] = [];
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  let start = 0;
  let startLine = 1;
  let line = 1;
  for (let at = 0; at <= body.length; line += 1) {
    const newline = body.indexOf('\n', at);
    const end = newline === -1 ? body.length : newline;
    // Most lines start with neither character, so the expression runs on few of them.
    const first = body.charCodeAt(at);
    if ((first === 0x2d || first === 0x2e) && MARKER.test(body.slice(at, Math.min(end, at + 4)))) {
      addPart(parts, body.slice(start, at), startLine);
      // The text behind `---` belongs to the document it opens; `...` stands alone.
      start = first === 0x2d ? at : Math.min(end + 1, body.length);
      startLine = first === 0x2d ? line : line + 1;
    }
    at = end + 1;
  }
  addPart(parts, body.slice(start), startLine);
  return parts;
}

function addPart(parts: DocumentPart[], text: string, line: number): void {
  const opened = text.startsWith('---');
  if (hasContent(opened ? text.slice(3) : text, !opened)) parts.push({ text, line });
}

/** Directives stand before the `---` that ends their part; alone they say nothing that is read here. */
function hasContent(text: string, directivesAllowed: boolean): boolean {
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, Math.min(end, at + 1000)).trimStart();
    const says = line !== '' && !line.startsWith('#') && !(directivesAllowed && line.startsWith('%'));
    if (says) return true;
    at = end + 1;
  }
  return false;
}
