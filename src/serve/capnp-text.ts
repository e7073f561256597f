/** Values as literals of the Cap'n Proto configuration language, so that no value can end its own quotes. */

const ESCAPES: Readonly<Record<string, string>> = { '"': String.raw`\"`, '\\': String.raw`\\`, '\n': String.raw`\n` };

export function capnpText(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must be escaped
  const escaped = value.replaceAll(/["\\\u0000-\u001f\u007f]/g, (character) => {
    return ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${escaped}"`;
}

/** Elements one below the other. */
export function capnpList(elements: readonly string[]): string {
  return elements.length === 0 ? '[]' : `[\n    ${elements.join(',\n    ')}\n  ]`;
}
