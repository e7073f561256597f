/** Texts that options of several authentication methods hold. */
import * as z from 'zod';

/** A field name (RFC 9110, section 5.1) in any case. */
export const headerName: z.ZodType<string> = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be a header name');

/** Inside a quoted string of a challenge: neither quote nor backslash, so that nothing must be escaped. */
export const realmText: z.ZodType<string> = z
  .string()
  .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'must be 1 to 128 printable ASCII characters without " and \\');
