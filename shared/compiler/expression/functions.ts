// The language's functions. An argument that a function cannot use gives null.

import type { Expr } from '../../workflow/model.ts';
import { ANY, atom, bind, type Code, call, guarded, indexable, isOnly, Level, mayBe, NULL, Type, total } from './code.ts';
import type { Generator } from './generator.ts';
import type { HelperName } from './helpers.ts';
import { jsonataString } from './literal.ts';
import { concatenation, textOf } from './operators.ts';
import { dottedPath } from './path.ts';

type CallExpr = Extract<Expr, { kind: 'call' }>;
type Build = (gen: Generator, args: readonly Code[], expr: CallExpr) => Code;

/** Arguments above which `coalesce` and `merge` are split in two, for an expression must stay nested less than 100 deep on AWS. */
const MAX_ROW = 4;

const MAYBE_TEXT = Type.Text | Type.Null;
const MAYBE_NUMBER = Type.Number | Type.Null;
const MAYBE_LIST = Type.List | Type.Null;
const MAYBE_BOOLEAN = Type.Boolean | Type.Null;

const FUNCTIONS: ReadonlyMap<string, Build> = new Map<string, Build>([
  ['len', length],
  ['upper', ofText((text) => atom(`$uppercase(${text})`, Type.Text))],
  ['lower', ofText((text) => atom(`$lowercase(${text})`, Type.Text))],
  ['trim', byHelper('trim', MAYBE_TEXT)],
  ['contains', byHelper('contains', MAYBE_BOOLEAN)],
  ['starts_with', byHelper('startsWith', MAYBE_BOOLEAN)],
  ['ends_with', byHelper('endsWith', MAYBE_BOOLEAN)],
  ['split', byHelper('split', MAYBE_LIST)],
  ['join', (gen, args) => call(gen.helper('join'), [at(args, 0), args[1] ?? atom("''", Type.Text)], MAYBE_TEXT)],
  ['replace', byHelper('replace', MAYBE_TEXT)],
  ['default', (gen, args) => fallback(gen, at(args, 0), at(args, 1), true)],
  ['coalesce', (gen, args) => coalesce(gen, args)],
  ['json', byHelper('json', Type.Text)],
  ['parse_json', byHelper('parseJson', ANY)],
  [
    'number',
    (gen, args) => (isOnly(at(args, 0), Type.Number | Type.Missing) ? at(args, 0) : call(gen.helper('number'), args, MAYBE_NUMBER)),
  ],
  ['string', (gen, args) => textOf(gen, at(args, 0))],
  ['round', (gen, args) => call(gen.helper('round'), [at(args, 0), args[1] ?? atom('0', Type.Number)], MAYBE_NUMBER)],
  ['floor', ofNumber((number) => `$floor(${number})`)],
  ['ceil', ofNumber((number) => `$ceil(${number})+0`)],
  ['abs', ofNumber((number) => `$abs(${number})`)],
  ['min', byHelper('min', MAYBE_NUMBER)],
  ['max', byHelper('max', MAYBE_NUMBER)],
  ['sum', byHelper('sum', MAYBE_NUMBER)],
  ['keys', (gen, args) => guarded(gen, [[at(args, 0), Type.Object, 1]], ([object]) => atom(`[$keys(${object})]`, Type.List))],
  ['values', byHelper('values', MAYBE_LIST)],
  ['merge', (gen, args) => merge(gen, args)],
  ['first', element(0)],
  ['last', element(-1)],
  ['pluck', pluck],
  ['now', () => atom('$now()', Type.Text)],
  ['uuid', (gen) => atom(`(${gen.scope.uuid()})`, Type.Text)],
  ['hash', ofText((text) => atom(`$hash(${text},'SHA-256')`, Type.Text))],
  ['base64', byHelper('base64', MAYBE_TEXT)],
  ['unbase64', byHelper('unbase64', MAYBE_TEXT)],
  ['range', (gen, args) => call(gen.helper('range'), [at(args, 0), at(args, 1), args[2] ?? atom('1', Type.Number)], MAYBE_LIST)],
]);

/** The names of all functions, for checks that nothing is missing. */
export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys()];

/**
 * Code of a function call.
 *
 * @throws Error when the function does not exist: the parser refuses such a file
 */
export function callValue(gen: Generator, expr: CallExpr): Code {
  const build = FUNCTIONS.get(expr.name);
  if (build === undefined) throw new Error(`shared/compiler/expression: no function is called "${expr.name}"`);
  return build(
    gen,
    expr.args.map((arg) => gen.value(arg)),
    expr,
  );
}

function at(args: readonly Code[], index: number): Code {
  return args[index] ?? NULL;
}

function byHelper(name: HelperName, types: number): Build {
  return (gen, args) => call(gen.helper(name), args, types);
}

function ofText(build: (text: string) => Code): Build {
  return (gen, args) => guarded(gen, [[at(args, 0), Type.Text, 1]], ([text]) => build(text ?? 'null'));
}

function ofNumber(build: (number: string) => string): Build {
  return (gen, args) =>
    guarded(gen, [[at(args, 0), Type.Number, 1]], ([number]) => {
      const text = build(number ?? 'null');
      return { text, types: Type.Number, level: text.endsWith(')') ? Level.Atom : Level.Sum };
    });
}

function length(gen: Generator, args: readonly Code[]): Code {
  const value = at(args, 0);
  if (value.types === Type.Text) return atom(`$length(${value.text})`, Type.Number);
  if (value.types === Type.List) return atom(`$count(${value.text})`, Type.Number);
  return call(gen.helper('length'), [value], MAYBE_NUMBER);
}

function element(index: number): Build {
  return (gen, args) =>
    guarded(gen, [[at(args, 0), Type.List, 1]], ([list]) => atom(`${indexable(list ?? '[]')}[${index}]`, ANY | Type.Missing));
}

/** `x`, or `y` where x is null (or an empty text); y is not computed where it is not needed. */
function fallback(gen: Generator, value: Code, other: Code, alsoEmpty: boolean): Code {
  if (isOnly(value, Type.Null | Type.Missing)) return other;
  const checksText = alsoEmpty && mayBe(value, Type.Text);
  if (!checksText && !mayBe(value, Type.Null | Type.Missing)) return value;
  return bind(gen, value, checksText ? 3 : 2, (ref) => {
    const test = checksText ? `${ref.text}!=null and ${ref.text}!=''` : `${ref.text}!=null`;
    const types = (ref.types & ~(Type.Null | Type.Missing)) | other.types;
    return { text: `${test}?${ref.text}:${other.text}`, types, level: Level.Condition };
  });
}

function coalesce(gen: Generator, args: readonly Code[]): Code {
  const [first, ...rest] = args;
  if (first === undefined) return NULL;
  if (rest.length === 0) return first;
  if (args.length > MAX_ROW) {
    const half = Math.ceil(args.length / 2);
    return fallback(gen, coalesce(gen, args.slice(0, half)), coalesce(gen, args.slice(half)), false);
  }
  return fallback(gen, first, coalesce(gen, rest), false);
}

function merge(gen: Generator, args: readonly Code[]): Code {
  const [first] = args;
  if (first === undefined) return NULL;
  if (args.length === 1) {
    return first.types === Type.Object ? first : guarded(gen, [[first, Type.Object, 1]], ([object]) => atom(object ?? 'null', Type.Object));
  }
  const half = Math.ceil(args.length / 2);
  return call(gen.helper('merge'), [merge(gen, args.slice(0, half)), merge(gen, args.slice(half))], Type.Object | Type.Null);
}

function pluck(gen: Generator, args: readonly Code[], expr: CallExpr): Code {
  const path = expr.args[1];
  if (path?.kind !== 'literal' || typeof path.value !== 'string') return call(gen.helper('pluck'), args, MAYBE_LIST);
  const item = gen.fresh();
  const body = dottedPath(gen, item, path.value);
  return guarded(gen, [[at(args, 0), Type.List, 1]], ([list]) => atom(`[$map(${list},function(${item}){${body.text}})[]]`, Type.List));
}

/** A text with expressions in it. */
export function textParts(gen: Generator, parts: readonly (string | Expr)[]): Code {
  return concatenation(
    parts.map((part) => (typeof part === 'string' ? atom(jsonataString(part), Type.Text) : textOf(gen, total(gen, gen.value(part))))),
  );
}
