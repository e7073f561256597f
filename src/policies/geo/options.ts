/** Authored form of the `geo` policy: where requests may come from. */
import * as z from 'zod';

/** A place is on the list when any entry of any of these names it. */
export type PlacesOption = {
  /** ISO 3166-1 alpha-2, upper case, for example `DE`; also `T1`, the Tor network. */
  readonly countries?: readonly string[] | undefined;
  readonly continents?: readonly Continent[] | undefined;
  /** ISO 3166-2 with the country, for example `DE-BY`. */
  readonly regions?: readonly string[] | undefined;
  /** Autonomous system numbers. */
  readonly asns?: readonly number[] | undefined;
};

export type Continent = 'AF' | 'AN' | 'AS' | 'EU' | 'NA' | 'OC' | 'SA';

export type GeoOptions = {
  /** Only these may; what cannot be placed is refused. Absent: everywhere that `deny` does not name. */
  readonly allow?: PlacesOption | undefined;
  /** These may not, whatever `allow` says; what cannot be placed is not among them. */
  readonly deny?: PlacesOption | undefined;
  /**
   * Request header in which the trusted proxy in front writes the country, for gateways whose platform
   * does not know it. Not read where the platform says where the client is.
   */
  readonly header?: string | undefined;
};

const country = z.string().regex(/^(?:[A-Z]{2}|T1)$/, 'must be a country of two upper-case letters, such as `DE`');
const region = z
  .string()
  .regex(/^[A-Z]{2}-[A-Z0-9]{1,3}$/, 'must be an ISO 3166-2 code with its country, such as `DE-BY`');

const places = z
  .strictObject({
    countries: z.array(country).min(1, 'must not be empty').max(300).optional(),
    continents: z
      .array(z.enum(['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA']))
      .min(1, 'must not be empty')
      .optional(),
    regions: z.array(region).min(1, 'must not be empty').max(5_000).optional(),
    asns: z.array(z.int().min(1).max(4_294_967_295)).min(1, 'must not be empty').max(5_000).optional(),
  })
  .refine((lists) => Object.values(lists).some((list) => list !== undefined), 'names no place');

export const geoOptionsSchema: z.ZodType<GeoOptions> = z
  .strictObject({
    allow: places.optional(),
    deny: places.optional(),
    header: z
      .string()
      .max(256)
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of a header')
      .optional(),
  })
  .refine(({ allow, deny }) => allow !== undefined || deny !== undefined, 'needs `allow` or `deny`');
