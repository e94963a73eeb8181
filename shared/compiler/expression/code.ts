// Pieces of generated JSONata with what is known about their value. Every guard that the types make needless is left out: a path stands in
// nearly every step, and a definition has to stay under 1 MB.

/** Kinds of value as bits. `Missing` is JSONata's undefined: allowed inside an expression, never as its result. */
export const Type = { Null: 1, Boolean: 2, Number: 4, Text: 8, List: 16, Object: 32, Missing: 64 } as const;

/** Any JSON value. */
export const ANY = 63;

/** What `$type` calls each kind. */
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [Type.Null, 'null'],
  [Type.Boolean, 'boolean'],
  [Type.Number, 'number'],
  [Type.Text, 'string'],
  [Type.List, 'array'],
  [Type.Object, 'object'],
]);

/** How tightly a piece binds: the binding powers of JSONata 2.0.6's parser. */
export const Level = { Condition: 20, Or: 25, And: 30, Compare: 40, Sum: 50, Atom: 100 } as const;

export interface Code {
  readonly text: string;
  /** Bits of `Type`. */
  readonly types: number;
  readonly level: number;
  /** Cheap and short to repeat: a variable, a path, a literal. */
  readonly plain?: true;
  /** The same with `:null` at its end, for code that is missing only where a guard fails. */
  readonly closed?: string;
}

export const NULL: Code = { text: 'null', types: Type.Null, level: Level.Atom, plain: true };

/** A piece that needs no parentheses anywhere. */
export function atom(text: string, types: number): Code {
  return { text, types, level: Level.Atom };
}

/** A variable or path. */
export function plain(text: string, types: number): Code {
  return { text, types, level: Level.Atom, plain: true };
}

/** A list that an index can follow: after a path or a constructor the index would mean each element. */
export function indexable(list: string): string {
  return /^\$[A-Za-z0-9_]+$/.test(list) ? list : `(${list})`;
}

/** The text of `code` where an operand of `level` is expected. */
export function operand(code: Code, level: number): string {
  return code.level > level ? code.text : `(${code.text})`;
}

/** True when the value is of one of the kinds in `types` for sure. */
export function isOnly(code: Code, types: number): boolean {
  return (code.types & ~types) === 0;
}

/** True when the value may be of one of the kinds in `types`. */
export function mayBe(code: Code, types: number): boolean {
  return (code.types & types) !== 0;
}

/** `$type(x)='…'`, for code that may be missing too. */
export function typeTest(text: string, type: number): string {
  return `$type(${text})='${TYPE_NAMES.get(type) ?? 'null'}'`;
}

/** `$f(a,b)`; arguments need no parentheses. */
export function call(name: string, args: readonly Code[], types: number): Code {
  return atom(`${name}(${args.map((arg) => arg.text).join(',')})`, types);
}

/** Hands out the names of inner variables: `$_1`, `$_2` … Scopes never use a name of that form. */
export interface Names {
  fresh(): string;
}

/**
 * Gives `code` a name where it is used several times, so that it is evaluated once; a short path is repeated instead.
 *
 * @param uses how often `build` writes the name
 */
export function bind(names: Names, code: Code, uses: number, build: (ref: Code) => Code): Code {
  // `($_1:=…;…)` costs 8 characters and 3 for each use.
  if (code.plain && uses * code.text.length <= 8 + code.text.length + 3 * uses) return build(code);
  const name = names.fresh();
  const body = build(plain(name, code.types));
  const block = (text: string): string => `(${name}:=${code.text};${text})`;
  return { ...atom(block(body.text), body.types), ...(body.closed !== undefined && { closed: block(body.closed) }) };
}

/** The value, null where it is missing. */
export function total(names: Names, code: Code): Code {
  if (!mayBe(code, Type.Missing)) return code;
  if (code.types === Type.Missing) return NULL;
  const types = (code.types & ~Type.Missing) | Type.Null;
  if (code.closed !== undefined) return { text: code.closed, types, level: code.level };
  return bind(names, code, 2, (ref) => ({
    text: `$exists(${ref.text})?${ref.text}:null`,
    types,
    level: Level.Condition,
  }));
}

/** `test ? value`: missing where the test fails. */
export function when(test: string, value: Code): Code {
  const text = `${test}?${value.text}`;
  const closed = mayBe(value, Type.Missing) ? value.closed : value.text;
  return {
    text,
    types: value.types | Type.Missing,
    level: Level.Condition,
    ...(closed !== undefined && { closed: `${test}?${closed}:null` }),
  };
}

/**
 * `build` of the arguments where each has its kind, missing where one has not.
 *
 * @param args argument, kind that it must have, how often `build` writes it
 */
export function guarded(names: Names, args: readonly (readonly [Code, number, number])[], build: (refs: string[]) => Code): Code {
  if (args.some(([code, type]) => !mayBe(code, type))) return NULL;
  const refs: string[] = [];
  const tests: string[] = [];
  const next = (index: number): Code => {
    const arg = args[index];
    if (arg === undefined) return finish();
    const [code, type, uses] = arg;
    if (code.types === type && uses === 1) {
      refs.push(operand(code, Level.Atom - 1));
      return next(index + 1);
    }
    return bind(names, code, code.types === type ? uses : uses + 1, (ref) => {
      refs.push(ref.text);
      if (code.types !== type) tests.push(typeTest(ref.text, type));
      return next(index + 1);
    });
  };
  const finish = (): Code => {
    const body = build(refs);
    if (tests.length === 0) return body;
    return when(tests.join(' and '), body);
  };
  return next(0);
}

/** About how many levels of JSONata's tree a piece of code has: two for a bracket (a block and its assignment), one for a `?`. */
export function nesting(code: string): number {
  const outer: [start: number, base: number][] = [];
  let base = 0;
  let level = 0;
  let most = 0;
  for (const [token] of code.matchAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[([{}\])?,;]/g)) {
    if (token === '(' || token === '[' || token === '{') {
      outer.push([base, level]);
      level += 2;
      base = level;
    } else if (token === ')' || token === ']' || token === '}') {
      [base, level] = outer.pop() ?? [0, 0];
    } else if (token === '?') {
      level++;
    } else if (token.length === 1) {
      level = base;
    }
    most = Math.max(most, level);
  }
  return most;
}
