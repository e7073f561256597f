/** Authored form of the method `basic`: user name and password (RFC 7617), users in the namespace KEYS. */
import * as z from 'zod';
import { realmText } from '../option-texts.ts';

export type BasicOptions = {
  /** Browsers show it when they ask for the password, and keep one password per realm. Default `api`. */
  readonly realm?: string | undefined;
  /** The upstream gets `Authorization` too. Default false: it is taken out of what goes on. */
  readonly forward?: boolean | undefined;
};

export const basicOptionsSchema: z.ZodType<BasicOptions> = z.strictObject({
  realm: realmText.optional(),
  forward: z.boolean().optional(),
});
