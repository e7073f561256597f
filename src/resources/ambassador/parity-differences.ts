/** The deliberate differences from Ambassador that a gateway with these settings has, as one finding. */
import { finding, type Finding } from '../../diagnostics/finding.ts';
import type { GatewaySettings } from '../../model/route-model.ts';

/** null: every switch stands as Ambassador has it. For gateways that serve Mappings. */
export function parityDifferences({ paths, hostPort, headersWithUnderscores }: GatewaySettings): Finding | null {
  const refused = [
    ...(paths.dotSegments === 'reject' ? ['a dot segment or a backslash (`dotSegments`)'] : []),
    ...(paths.escapedSlashes === 'reject' ? ['an escaped slash (`escapedSlashes`)'] : []),
    ...(paths.pathParams === 'reject' ? ['a `;` parameter on a dot segment (`pathParams`)'] : []),
  ];
  const differences = [
    ...(refused.length > 0 ? [`a path with ${listed(refused, 'or')} gets 400`] : []),
    ...(hostPort === 'strip' ? ['the port of a Host header is not looked at (`hostPort`)'] : []),
    ...(headersWithUnderscores === 'allow'
      ? []
      : [
          headersWithUnderscores === 'drop'
            ? 'headers with `_` in their names are dropped (`headersWithUnderscores`)'
            : 'requests with `_` in a header name get 400 (`headersWithUnderscores`)',
        ]),
  ];
  if (differences.length === 0) return null;
  return finding('info', 'parity-difference', `Not as in Ambassador: ${listed(differences, 'and')}.`, {
    hint: 'docs/parity.md says why; each has a switch of that name in routes.config.ts.',
  });
}

function listed(items: readonly string[], conjunction: string): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} ${conjunction} ${items.at(-1)}`;
}
