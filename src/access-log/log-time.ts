/** Times as access logs write them → milliseconds since 1970. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const COMMON = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))? ([+-])(\d{2})(\d{2})$/;
/** With a zone only: a time without one would be read in that of this machine. */
const ISO = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})$/;
const EPOCH = /^\d{9,19}(?:\.\d{1,9})?$/;
/** 9999-12-31: what a year of four digits can say. */
const LAST_MS = 253_402_300_799_999;

/** `10/Oct/2000:13:55:36 -0700`, ISO 8601 with a zone, or seconds, milliseconds, micro- or nanoseconds since 1970; null: none of them. */
export function parseLogTime(text: string): number | null {
  if (text.length > 40) return null;
  const ms = EPOCH.test(text) ? epochMs(Number(text)) : ISO.test(text) ? isoMs(text) : commonMs(text);
  return ms !== null && ms >= 0 && ms <= LAST_MS ? ms : null;
}

/** The unit is told by the size: each is a thousand times the one before. */
function epochMs(value: number): number {
  if (value < 1e11) return Math.round(value * 1_000);
  if (value < 1e14) return Math.round(value);
  return Math.round(value < 1e17 ? value / 1e3 : value / 1e6);
}

function isoMs(text: string): number | null {
  const spelled = text
    .replace(' ', 'T')
    .replace(',', '.')
    .replace(/([+-]\d{2})(\d{2})$/, '$1:$2');
  const ms = Date.parse(spelled);
  return Number.isNaN(ms) ? null : ms;
}

function commonMs(text: string): number | null {
  const match = COMMON.exec(text);
  if (match === null) return null;
  const [, day, name = '', year, hour, minute, second, fraction = '', sign, zoneHours, zoneMinutes] = match;
  const month = MONTHS.indexOf(name);
  if (month < 0) return null;
  const local = Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second));
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  const ms = fraction === '' ? 0 : Math.floor(Number(`0.${fraction}`) * 1_000);
  return local + ms - (sign === '-' ? -zone : zone);
}
