/** What a test takes from a how-to page: its code and its tables. */
import * as fs from 'node:fs';
import * as path from 'node:path';

const folder = path.resolve(import.meta.dirname, '../../docs/how-to');

export type Page = {
  /** All code blocks of the language, in order. */
  blocks(language: string): readonly string[];
  /** Rows of the table with this first heading, without the heading: cells as written. Throws when there is none. */
  table(heading: string): readonly (readonly string[])[];
};

export function readPage(name: string): Page {
  const text = fs.readFileSync(path.join(folder, name), 'utf8');
  return {
    blocks: (language) =>
      [...text.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, code = '']) => code.trim()),
    table: (heading) => {
      const lines = text.split('\n');
      const start = lines.findIndex((line) => line.startsWith('|') && cellsOf(line)[0] === heading);
      if (start < 0) throw new Error(`${name} has no table that begins with "${heading}".`);
      const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
      return lines.slice(start + 2, end).map(cellsOf);
    },
  };
}

function cellsOf(line: string): readonly string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

export type Curl = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly target: string;
};

/** `curl …` in backticks, with `$NAME` replaced. Throws for anything that it does not understand. */
export function parseCurl(cell: string, variables: Readonly<Record<string, string>>): Curl {
  const line = /^`curl (?:-X ([A-Z]+) )?((?:-H "[^"]+" )*)"?http:\/\/127\.0\.0\.1:8787([^"\s]+)"?`$/;
  const [, method = 'GET', options = '', target] = line.exec(cell) ?? [];
  if (target === undefined) throw new Error(`Not a curl line of the page: ${cell}`);
  const fill = (text: string): string =>
    text.replace(/\$([A-Z_]+)/g, (_, name: string) => {
      const value = variables[name];
      if (value === undefined) throw new Error(`The page uses $${name}.`);
      return value;
    });
  const headers: Record<string, string> = {};
  for (const [, name = '', value = ''] of options.matchAll(/-H "([^:]+): ([^"]+)"/g))
    headers[name.toLowerCase()] = fill(value);
  return { method, headers, target: fill(target) };
}

/** What a page says of an answer: its status, and its code when it is one of ours. */
export function told({ status, body }: { readonly status: number; readonly body: Buffer }): string {
  if (status === 200) return '200';
  return `${status} \`${(JSON.parse(body.toString()) as { readonly code: string }).code}\``;
}
