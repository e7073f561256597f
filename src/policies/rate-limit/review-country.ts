/** A limit by country where nothing says a country counts otherwise than it reads, or never. */
import type { LowerContext } from '../contract.ts';
import { reportOption } from '../parse-options.ts';
import { keyParts } from './authored-limit.ts';
import type { MissingPart } from './compiled.ts';
import type { RateLimitOption } from './options.ts';

const EFFECTS: Readonly<Record<MissingPart, string>> = {
  address: 'every request is counted by its address instead',
  skip: 'it never applies',
  refuse: 'every request is refused with 400',
};

export function reviewCountry(option: RateLimitOption, at: readonly PropertyKey[], context: LowerContext): void {
  if (context.target === 'cloudflare') return;
  const isAsked = (option.if ?? []).some(({ part }) => part === 'country');
  if (!isAsked && !keyParts(option).includes('country')) return;
  reportOption(context, 'warning', 'rate-limit-country-unknown', {
    message: `This platform does not say where a client is, so no request has a country, and of the limit \`${option.name}\` ${isAsked ? EFFECTS.skip : EFFECTS[option.missing ?? 'address']}.`,
    at: [...at, isAsked ? 'if' : 'key'],
    hint: 'Where a trusted proxy in front writes the country in a header, name that header instead.',
  });
}
