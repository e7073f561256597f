/** Label selectors of Hosts and Listeners: `matchLabels` counts, `matchExpressions` never did. */
import { anything, dictionary, record, text, withSchema, type FieldKind } from './fields.ts';

type Selector = { readonly matchLabels?: Readonly<Record<string, string>>; readonly matchExpressions?: unknown };

const selectorFields = record<Selector>({ matchLabels: dictionary(text), matchExpressions: anything });

/** Empty: everything is selected. */
export const labelSelector: FieldKind<Readonly<Record<string, string>>> = withSchema(
  selectorFields.schema,
  (value, path, reader) => {
    const selector = selectorFields(value, path, reader);
    if (selector?.matchExpressions !== undefined) {
      reader.say(`${path}.matchExpressions`, {
        severity: 'warning',
        code: 'selector-expressions-ignored',
        message: '`matchExpressions` is ignored, as in Ambassador; the selector may take more than it says.',
        hint: 'Use `matchLabels`.',
      });
    }
    return selector === undefined ? undefined : (selector.matchLabels ?? {});
  },
);
