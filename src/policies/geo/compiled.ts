/** What the Worker gets of a `geo` policy. */
export type CompiledGeo = {
  readonly allow?: CompiledPlaces;
  readonly deny?: CompiledPlaces;
  /** Lower case; read where the platform says nothing. */
  readonly header?: string;
};

/** Each list sorted, each entry once; a list that is there has entries. */
export type CompiledPlaces = {
  readonly countries?: readonly string[];
  readonly continents?: readonly string[];
  /** With the country, for example `DE-BY`. */
  readonly regions?: readonly string[];
  readonly asns?: readonly number[];
};
