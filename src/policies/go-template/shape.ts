/** What is known at build about the data of a template: which fields there are, not what is in them. */
export type Shape =
  /** Nothing is known. */
  | { readonly is: 'any' }
  /** No value: what a field that does not exist leaves behind. */
  | { readonly is: 'none' }
  /** A text, number or boolean; `value`: always this one. */
  | { readonly is: 'plain'; readonly value?: string | boolean }
  | { readonly is: 'list'; readonly of: Shape }
  /** These fields, all of them always, and no others. */
  | { readonly is: 'fields'; readonly fields: ShapeFields };

export type ShapeFields = { readonly [name: string]: Shape };

export const ANY: Shape = { is: 'any' };
export const NONE: Shape = { is: 'none' };
export const PLAIN: Shape = { is: 'plain' };

export function withFields(fields: ShapeFields): Shape {
  return { is: 'fields', fields };
}

/** What `if` takes it for; null: that depends on the value. */
export function truthOf(shape: Shape): boolean | null {
  switch (shape.is) {
    case 'none':
      return false;
    case 'fields':
      return true;
    case 'plain':
      return shape.value === undefined ? null : shape.value !== '' && shape.value !== false;
    default:
      return null;
  }
}
