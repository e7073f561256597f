/** A checked configuration: what parse.ts makes of the default export and translate.ts reads. */
import type * as z from 'zod';
import type { SourceRef } from '../diagnostics/finding.ts';
import type { ClusterModel, PolicyUse, ServiceRef } from '../model/route-model.ts';
import type { SettingsPatch } from '../model/settings.ts';
import type { conditionsSchema, routeSchema } from './schema.ts';

export type PortolanConfig = {
  readonly file: string;
  readonly routes: readonly CheckedRoute[];
  /** The default cluster first. */
  readonly clusters: readonly ClusterModel[];
  /** Only what was written. */
  readonly settings: SettingsPatch;
  /** Only what was written; options of the command line go before these. */
  readonly ambassador: AmbassadorChoices;
};

/** Named as the Ambassador translator's options, which build-program.ts makes of them. */
export type AmbassadorChoices = {
  readonly ambassadorId?: string;
  readonly ambassadorNamespace?: string;
  readonly allowUnenforced?: readonly string[];
  readonly looseLabelSelectors?: boolean;
  readonly unattached?: 'serve' | 'drop';
  readonly prefixMode?: 'raw' | 'segment';
  readonly weightsRemainder?: 'fallthrough' | 'normalize';
  readonly hostPort?: 'strip' | 'strict';
  readonly strictClaims?: boolean;
};

export type Conditions = z.infer<typeof conditionsSchema>;
export type RouteFields = z.infer<typeof routeSchema>;

export type CheckedRoute = {
  /** `config/NAME`. */
  readonly id: string;
  readonly name: string;
  readonly source: SourceRef;
  readonly conditions: Conditions;
  /** Line of a field, for findings that only later stages can make. */
  readonly lineOf: (field: string) => number | null;
  readonly outcome:
    | {
        readonly kind: 'serve';
        readonly fields: RouteFields;
        readonly backends: readonly CheckedBackend[];
        readonly policies: readonly PolicyUse[];
      }
    /** Its match could be read but not the rest: it answers there, so that no broader route does. */
    | { readonly kind: 'refuse'; readonly message: string };
};

export type CheckedBackend = {
  readonly service: ServiceRef;
  /** Written as a URL. */
  readonly external: boolean;
  readonly weight: number;
};
