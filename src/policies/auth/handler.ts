/**
 * Asks the methods of a route who is calling. What they change of the request is applied only when the
 * request passes, so that a method that said no leaves no trace.
 */
import type { Json } from '../../model/route-model.ts';
import { applyEdits } from '../authentication/apply-edits.ts';
import { refusesCredential, refuseWith } from '../authentication/denial-answer.ts';
import { authMethod } from '../authentication/methods.ts';
import type { PolicyHandler } from '../contract.ts';
import { decodeAuth } from './decode.ts';
import { judgeAll, judgeAny, settle } from './judge.ts';

export const authHandler: PolicyHandler = {
  name: 'auth',
  create(json: Json, runtime) {
    const { require, optional = false, keepRoute = false, methods: configured } = decodeAuth(json);
    const methods = configured.map(({ method, config }) => {
      const handler = authMethod(method);
      if (handler === null) throw new Error(`The authentication method ${method} is unknown to this gateway.`);
      return handler.create(config, runtime);
    });
    const judge = require === 'any' ? judgeAny : judgeAll;
    return async (context) => {
      const { facts } = context;
      const judgement = await judge(methods, {
        facts,
        body: context.body,
        waitUntil: context.waitUntil,
        routeId: context.route.id,
        scopes: [],
      });
      const settled = settle(judgement, { count: methods.length, optional });
      if ('refusal' in settled) {
        const { refusal } = settled;
        const denials = 'denials' in judgement ? judgement.denials : [];
        if (denials.some((denial) => refusesCredential(denial, facts.headers))) context.refusedCredentials = true;
        return refuseWith(refusal, context.outgoing);
      }
      const { consumer, edits, query, hasRefused } = settled.passed;
      if (hasRefused === true) context.refusedCredentials = true;
      context.consumer = consumer;
      if (query !== undefined) context.facts = { ...facts, query };
      if (applyEdits(edits, facts.headers) && !keepRoute) context.rematch = true;
      return null;
    };
  },
};
