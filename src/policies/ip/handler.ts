/** Lets requests of allowed addresses pass and answers the others 403, all in the same words. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { PolicyHandler } from '../contract.ts';
import { decideIp, prepareIp } from './decide.ts';
import { decodeIp } from './decode.ts';

export const ipHandler: PolicyHandler = {
  name: 'ip',
  create(json: Json) {
    const prepared = prepareIp(decodeIp(json));
    return (context) => {
      if (decideIp(prepared, context.facts) === 'allowed') return null;
      throw new GatewayError(403, 'ip-denied', 'Requests from this address are not allowed.');
    };
  },
};
