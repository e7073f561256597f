/** Authored form of the `ip` policy: which addresses may make requests. */
import * as z from 'zod';

/**
 * An address or a CIDR range, IPv4 or IPv6. A text is about the address that `of` names; an object says
 * it itself, so that one list can hold both kinds.
 */
export type AddressOption = string | { readonly client: string } | { readonly peer: string };

export type IpOptions = {
  /** Only these may, and everybody else is refused. Absent: everybody whom `deny` does not name. */
  readonly allow?: readonly AddressOption[] | undefined;
  /** These may not, whatever `allow` says. */
  readonly deny?: readonly AddressOption[] | undefined;
  /**
   * `client`: the address that the trusted-hop rule finds. `peer`: the TCP peer, which behind a proxy is
   * the proxy. Default `client`.
   */
  readonly of?: 'client' | 'peer' | undefined;
};

const range = z.string().min(1, 'must not be empty').max(64);
const address = z.union([range, z.strictObject({ client: range }), z.strictObject({ peer: range })], {
  error: 'must be an address or range such as `10.0.0.0/8`, or `{ client: … }` or `{ peer: … }` with one',
});
const addresses = z.array(address).min(1, 'must not be empty: an empty list would mean nobody').max(10_000).optional();

export const ipOptionsSchema: z.ZodType<IpOptions> = z
  .strictObject({ allow: addresses, deny: addresses, of: z.enum(['client', 'peer']).optional() })
  .refine(({ allow, deny }) => allow !== undefined || deny !== undefined, 'needs `allow` or `deny`');
