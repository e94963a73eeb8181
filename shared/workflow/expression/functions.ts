// The functions of the expression language: names, numbers of arguments, one line each for messages and documentation.

export interface FunctionSpec {
  min: number;
  /** Infinity: as many as wanted. */
  max: number;
  signature: string;
}

const SPECS: [signature: string, min: number, max: number][] = [
  ['len(value)', 1, 1],
  ['upper(text)', 1, 1],
  ['lower(text)', 1, 1],
  ['trim(text)', 1, 1],
  ['contains(text|list, x)', 2, 2],
  ['starts_with(text, part)', 2, 2],
  ['ends_with(text, part)', 2, 2],
  ['split(text, sep)', 2, 2],
  ['join(list, sep="")', 1, 2],
  ['replace(text, from, to)', 3, 3],
  ['default(x, y)', 2, 2],
  ['coalesce(a, b, …)', 1, Number.POSITIVE_INFINITY],
  ['json(x)', 1, 1],
  ['parse_json(text)', 1, 1],
  ['number(text)', 1, 1],
  ['string(x)', 1, 1],
  ['round(n, digits=0)', 1, 2],
  ['floor(n)', 1, 1],
  ['ceil(n)', 1, 1],
  ['abs(n)', 1, 1],
  ['min(list)', 1, 1],
  ['max(list)', 1, 1],
  ['sum(list)', 1, 1],
  ['keys(object)', 1, 1],
  ['values(object)', 1, 1],
  ['merge(a, b, …)', 1, Number.POSITIVE_INFINITY],
  ['first(list)', 1, 1],
  ['last(list)', 1, 1],
  ['pluck(list, "a.b")', 2, 2],
  ['now()', 0, 0],
  ['uuid()', 0, 0],
  ['hash(text)', 1, 1],
  ['base64(text)', 1, 1],
  ['unbase64(text)', 1, 1],
  ['range(from, to, step=1)', 2, 3],
];

/** Every function by name. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(
  SPECS.map(([signature, min, max]) => [signature.slice(0, signature.indexOf('(')), { min, max, signature }]),
);
