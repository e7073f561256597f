/** Authored form of the `cors` policy: which other sites' scripts may call this route from a browser. */
import * as z from 'zod';

export type CorsOptions = {
  /**
   * Origins let in, compared exactly: `https://shop.example.com` (scheme, host, port unless default;
   * no path). `*` lets every origin in. An empty list lets none in.
   */
  readonly origins: readonly string[];
  /** Sent in the preflight answer as they stand. Absent: no header, browsers then allow GET, HEAD and POST. */
  readonly methods?: readonly string[] | undefined;
  /** Request headers a script may send. Absent: no header, browsers then allow the safelisted ones. */
  readonly headers?: readonly string[] | undefined;
  /** Response headers a script may read besides the safelisted ones. */
  readonly exposedHeaders?: readonly string[] | undefined;
  /** Let the browser send cookies and client certificates. Default false. */
  readonly credentials?: boolean | undefined;
  /** Seconds a browser may keep the preflight answer. Absent: no header, browsers then take 5 s. */
  readonly maxAge?: number | undefined;
};

// What is sent in a header must not be able to end it: visible ASCII, space and tab only.
const headerText = z
  .string()
  .min(1, 'must not be empty')
  .regex(/^[\t\x20-\x7e]+$/, 'must be plain ASCII without line breaks, because it is sent in a response header');

export const corsOptionsSchema: z.ZodType<CorsOptions> = z.strictObject({
  origins: z.array(z.string().min(1, 'must not be empty')),
  methods: z.array(headerText).optional(),
  headers: z.array(headerText).optional(),
  exposedHeaders: z.array(headerText).optional(),
  credentials: z.boolean().optional(),
  maxAge: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});
