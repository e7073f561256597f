/** What a client reads when a route refuses. Constant texts: names of services and files stay out of answers. */
import type { CompiledRefuse } from '../program/route-program.ts';

const MESSAGES = {
  'upstream-unresolved': 'This gateway has no way to reach the service behind this route.',
  'upstream-private-address': 'The service behind this route has a private address that this gateway cannot reach.',
  'upstream-tls-unsupported': 'The service behind this route needs TLS settings that this gateway cannot apply here.',
  'host-rewrite-unsupported': 'This route needs a Host header that this gateway cannot send here.',
  'regex-invalid': 'This route holds a regular expression that cannot be used.',
  'rewrite-invalid': 'This route holds a rewrite that cannot be used.',
  'policy-invalid': 'This route names a policy that cannot be applied.',
} as const;

export type RefusalCode = keyof typeof MESSAGES;

export function refusal(status: number, code: RefusalCode): CompiledRefuse {
  return { kind: 'refuse', status, code, message: MESSAGES[code] };
}
