/** Seeded ways in which a stored value can be damaged. Each changes the text. */
export type Corruption = {
  readonly kind: string;
  readonly damage: (value: string, random: () => number) => Buffer | null;
};

/** A value of the largest size that KV takes. */
export const HUGE_BYTES = 25 * 1024 * 1024;

export const CORRUPTIONS: readonly Corruption[] = [
  { kind: 'bit-flip', damage: flipBits(1) },
  { kind: 'bit-flips', damage: flipBits(8) },
  { kind: 'truncated', damage: (value, random) => bytes(value.slice(0, Math.floor(random() * value.length))) },
  {
    kind: 'hole',
    damage: (value, random) => {
      const start = Math.floor(random() * (value.length - 1));
      return bytes(value.slice(0, start) + value.slice(start + 1 + Math.floor(random() * 20)));
    },
  },
  {
    kind: 'doubled',
    damage: (value, random) => {
      const at = Math.floor(random() * value.length);
      return bytes(value.slice(0, at) + value.slice(Math.max(0, at - 1 - Math.floor(random() * 50))));
    },
  },
  { kind: 'digit', damage: (value, random) => bytes(changeDigit(value, random)) },
  { kind: 'not-json', damage: () => bytes('<!doctype html><title>Bad gateway</title>') },
  {
    kind: 'other-json',
    damage: (_, random) => bytes(['null', '[]', '{}', '0', '{"format":1}'][Math.floor(random() * 5)] ?? ''),
  },
  { kind: 'other-format', damage: (value) => bytes(value.replace('"format":1', '"format":2')) },
  { kind: 'missing', damage: () => null },
];

function bytes(text: string): Buffer {
  return Buffer.from(text, 'utf8');
}

function flipBits(count: number): Corruption['damage'] {
  return (value, random) => {
    const flipped = bytes(value);
    const taken = new Set<number>();
    while (taken.size < Math.min(count, flipped.length * 8)) {
      const bit = Math.floor(random() * flipped.length * 8);
      if (taken.has(bit)) continue;
      taken.add(bit);
      const at = bit >> 3;
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
    }
    return flipped;
  };
}

/** Keeps the text JSON and most often of the same shape: a number or a hash with one digit changed. */
function changeDigit(value: string, random: () => number): string {
  const digits = [...value.matchAll(/\d/g)];
  const chosen = digits[Math.floor(random() * digits.length)];
  if (chosen === undefined) return `${value} `;
  const digit = (Number(chosen[0]) + 1 + Math.floor(random() * 9)) % 10;
  return `${value.slice(0, chosen.index)}${digit}${value.slice(chosen.index + 1)}`;
}
