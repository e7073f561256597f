/** What the Worker gets of a `jwt` method. */
import type { Json } from '../../../model/route-model.ts';
import type { Template } from '../../go-template/template.ts';
import type { CompiledKeys } from './keys/key-source.ts';

export type CompiledJwt = {
  readonly keys: CompiledKeys;
  readonly algorithms: readonly string[];
  /** null: not compared. */
  readonly issuers: readonly string[] | null;
  /** null: not compared. */
  readonly audiences: readonly string[] | null;
  /** Every one of `audiences` instead of one. */
  readonly audienceAll?: true;
  /** `equals` absent: any value will do. */
  readonly required: readonly RequiredClaim[];
  /** Seconds. */
  readonly leeway: { readonly exp: number; readonly nbf: number; readonly iat: number };
  readonly scopes: readonly string[];
  /** Lower case, without `application/`; absent: not compared. */
  readonly types?: readonly string[];
  readonly refuseIdTokens?: true;
  readonly token: CompiledTokenPlaces;
  readonly planClaim?: string;
  readonly strip?: true;
  readonly realm: string;
  readonly inject: readonly CompiledHeader[];
  readonly errorResponse?: { readonly headers: readonly CompiledHeader[]; readonly body: Template };
};

export type RequiredClaim = { readonly name: string; readonly equals?: Json };

/** Header names lower case; absent: not looked at. */
export type CompiledTokenPlaces = {
  readonly authorization?: true;
  readonly header?: string;
  readonly cookie?: string;
  readonly query?: string;
};

/** Name lower case. */
export type CompiledHeader = { readonly name: string; readonly value: Template };
