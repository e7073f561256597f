/** Lets requests from allowed places pass and answers the others 403, all in the same words. */
import { GatewayError } from '../../diagnostics/errors.ts';
import type { Json } from '../../model/route-model.ts';
import type { PolicyHandler } from '../contract.ts';
import { decideGeo, placeOf, prepareGeo } from './decide.ts';
import { decodeGeo } from './decode.ts';

export const geoHandler: PolicyHandler = {
  name: 'geo',
  create(json: Json) {
    const prepared = prepareGeo(decodeGeo(json));
    return (context) => {
      if (decideGeo(prepared, placeOf(prepared, context.facts)) === 'allowed') return null;
      throw new GatewayError(403, 'geo-denied', 'Requests from this place are not allowed.');
    };
  },
};
