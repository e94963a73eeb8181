// The functions of the expression language: names, numbers of arguments, one line each for messages and documentation.

export interface FunctionSpec {
  min: number;
  /** Infinity: as many as wanted. */
  max: number;
  signature: string;
  /** What it gives, for documentation. */
  does: string;
}

const SPECS: [signature: string, min: number, max: number, does: string][] = [
  ['len(value)', 1, 1, 'characters of a text, items of a list, keys of an object'],
  ['upper(text)', 1, 1, 'in capitals'],
  ['lower(text)', 1, 1, 'in small letters'],
  ['trim(text)', 1, 1, 'without white space at both ends'],
  ['contains(text|list, x)', 2, 2, 'whether a text has a part, or a list an item'],
  ['starts_with(text, part)', 2, 2, 'whether it begins so'],
  ['ends_with(text, part)', 2, 2, 'whether it ends so'],
  ['split(text, sep)', 2, 2, 'a list of the parts between separators'],
  ['join(list, sep="")', 1, 2, 'the items as one text'],
  ['replace(text, from, to)', 3, 3, 'every occurrence, literally'],
  ['default(x, y)', 2, 2, '`y` where `x` is null or ""'],
  ['coalesce(a, b, …)', 1, Number.POSITIVE_INFINITY, 'the first that is not null'],
  ['json(x)', 1, 1, 'as JSON text'],
  ['parse_json(text)', 1, 1, 'the value of a JSON text; fails its step on other texts'],
  ['number(text)', 1, 1, 'the number that a text is'],
  ['string(x)', 1, 1, 'as text; objects and lists as JSON'],
  ['round(n, digits=0)', 1, 2, 'to so many digits, half to even'],
  ['floor(n)', 1, 1, 'down to a whole number'],
  ['ceil(n)', 1, 1, 'up to a whole number'],
  ['abs(n)', 1, 1, 'without its sign'],
  ['min(list)', 1, 1, 'the smallest number'],
  ['max(list)', 1, 1, 'the largest number'],
  ['sum(list)', 1, 1, 'the numbers added up'],
  ['keys(object)', 1, 1, 'a list of its keys'],
  ['values(object)', 1, 1, 'a list of its values'],
  ['merge(a, b, …)', 1, Number.POSITIVE_INFINITY, 'one object; later ones win'],
  ['first(list)', 1, 1, 'the first item'],
  ['last(list)', 1, 1, 'the last item'],
  ['pluck(list, "a.b")', 2, 2, 'what stands at a path in every item, always a list'],
  ['now()', 0, 0, 'the time, ISO 8601; in `set` only'],
  ['uuid()', 0, 0, 'a new id, the same on every retry'],
  ['hash(text)', 1, 1, 'SHA-256, in hexadecimal digits'],
  ['base64(text)', 1, 1, 'encoded (UTF-8)'],
  ['unbase64(text)', 1, 1, 'decoded (UTF-8)'],
  ['range(from, to, step=1)', 2, 3, 'the numbers from one to the other, both included, at most 1,000'],
];

/** Every function by name. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(
  SPECS.map(([signature, min, max, does]) => [signature.slice(0, signature.indexOf('(')), { min, max, signature, does }]),
);
