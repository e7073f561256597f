/**
 * Text of a template → value of a header, or null when there can be none.
 *
 * What a token says must not end the header, or be read as two different texts: visible ASCII and spaces
 * pass, other characters as percent escapes of their UTF-8 (then `%` too, so that it can be undone), and
 * control characters make the header absent.
 */
export function safeHeaderValue(text: string): string | null {
  const trimmed = text.trim();
  if (/^[ -~]*$/.test(trimmed)) return trimmed;
  if (CONTROL.test(trimmed)) return null;
  return trimmed.toWellFormed().replaceAll(/[^ -$&-~]/gu, (character) => encodeURIComponent(character));
}

const CONTROL = /\p{Cc}/u;
