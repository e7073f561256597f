/** Text of a template → its tree. Build time; what is not supported is an error, never left out. */
import { splitActions, TemplateSyntaxError, tokensOf, type Piece } from './lex.ts';
import { parsePipe, parseRangePipe, PipeParser } from './parse-pipe.ts';
import type { Template, TemplateNode } from './template.ts';

const MAX_DEPTH = 32;

export type ParseOptions = {
  /** Functions besides Go's own. */
  readonly functions: readonly string[];
};

/** The tree, or what is wrong with the text. */
export function parseTemplate(
  text: string,
  options: ParseOptions,
): { readonly template: Template } | { readonly error: string } {
  try {
    const parser = new TemplateParser(splitActions(text), new Set(options.functions));
    return { template: parser.parseAll() };
  } catch (error) {
    if (error instanceof TemplateSyntaxError) return { error: error.message };
    throw error;
  }
}

type Block = { readonly nodes: Template; readonly end: 'end' | 'else'; readonly rest: string };

class TemplateParser {
  readonly #pieces: readonly Piece[];
  readonly #functions: ReadonlySet<string>;
  #at = 0;
  #depth = 0;
  #ranges = 0;
  /** Variables in scope, innermost last. */
  #variables: string[] = ['$'];

  constructor(pieces: readonly Piece[], functions: ReadonlySet<string>) {
    this.#pieces = pieces;
    this.#functions = functions;
  }

  parseAll(): Template {
    const { nodes, end } = this.#parseNodes(true);
    if (this.#at < this.#pieces.length) throw new TemplateSyntaxError(`unexpected \`{{${end}}}\``);
    return nodes;
  }

  #parseNodes(isTop: boolean): Block {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new TemplateSyntaxError(`actions are nested more than ${MAX_DEPTH} deep`);
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) {
        if (!isTop) throw new TemplateSyntaxError('`{{end}}` is missing');
        return { nodes, end: 'end', rest: '' };
      }
      if (piece.is === 'text') {
        this.#at += 1;
        nodes.push({ node: 'text', text: piece.text });
        continue;
      }
      const [, word, rest = ''] = /^[ \t\r\n]*([a-z]+)?(?![\p{L}\p{Nd}_])([^]*)$/u.exec(piece.text) ?? [];
      if (word === 'end' || word === 'else') {
        if (isTop) throw new TemplateSyntaxError(`unexpected \`{{${word}}}\``);
        this.#at += 1;
        this.#depth -= 1;
        if (word === 'end') this.#assertEmpty(rest, word);
        return { nodes, end: word, rest };
      }
      this.#at += 1;
      nodes.push(this.#parseAction(piece.text, word, rest));
    }
  }

  #parseAction(text: string, word: string | undefined, rest: string): TemplateNode {
    switch (word) {
      case 'if':
      case 'with':
        return this.#parseBranch(word, rest);
      case 'range':
        return this.#parseRange(rest);
      case 'break':
      case 'continue':
        this.#assertEmpty(rest, word);
        if (this.#ranges === 0) throw new TemplateSyntaxError(`\`{{${word}}}\` stands outside of \`{{range}}\``);
        return { node: word };
      case 'define':
      case 'template':
      case 'block':
        throw new TemplateSyntaxError(`\`{{${word}}}\` is not supported`);
      default:
        return { node: 'print', pipe: parsePipe(this.#pipeParser(text)) };
    }
  }

  #parseBranch(node: 'if' | 'with', text: string): TemplateNode {
    const outer = this.#variables.length;
    const pipe = parsePipe(this.#pipeParser(text));
    const block = this.#parseNodes(false);
    const otherwise = this.#parseElse(block, node);
    this.#variables.length = outer;
    return { node, pipe, body: block.nodes, otherwise };
  }

  #parseRange(text: string): TemplateNode {
    const outer = this.#variables.length;
    const pipe = parseRangePipe(this.#pipeParser(text));
    this.#ranges += 1;
    const block = this.#parseNodes(false);
    this.#ranges -= 1;
    const otherwise = this.#parseElse(block, null);
    this.#variables.length = outer;
    return { node: 'range', pipe, body: block.nodes, otherwise };
  }

  /** `{{else}} … {{end}}`, or `{{else if …}}`, which shares the final `{{end}}`. */
  #parseElse({ end, rest }: Block, branch: 'if' | 'with' | null): Template {
    if (end === 'end') return [];
    const [, word, condition = ''] = /^[ \t\r\n]+(if|with)(?![\p{L}\p{Nd}_])([^]*)$/u.exec(rest) ?? [];
    if (branch !== null && word === branch) return [this.#parseBranch(branch, condition)];
    this.#assertEmpty(rest, 'else');
    const block = this.#parseNodes(false);
    if (block.end === 'else') throw new TemplateSyntaxError('a second `{{else}}`');
    return block.nodes;
  }

  #assertEmpty(text: string, word: string): void {
    if (text.trim() !== '') throw new TemplateSyntaxError(`unexpected \`${text.trim()}\` after \`${word}\``);
  }

  #pipeParser(text: string): PipeParser {
    return new PipeParser(tokensOf(text), this.#functions, this.#variables);
  }
}
