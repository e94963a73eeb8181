// The functions that a compiled expression may call: jsonata's own implementations behind jsonata's own argument checks, so that there is
// one meaning. Only those that answer at once; the others (and functions of functions) are left to jsonata.

import jsonata from 'jsonata';
import { hash, parse, partition, range, seededRandom } from '../aws-functions.ts';
import { ownMember } from '../own-members.ts';
import type { ExpressionServices } from '../types.ts';
import { BAIL, type Frame } from './frame.ts';
import { boolean, text } from './operators.ts';
import { append } from './sequence.ts';

export type Builtin = (args: unknown[], input: unknown, frame: Frame) => unknown;

interface Defined {
  implementation: (...args: unknown[]) => unknown;
  signature?: { validate(args: unknown[], input: unknown): unknown[] };
}

const TAKEN = [
  ...[
    'sum',
    'count',
    'max',
    'min',
    'average',
    'string',
    'substring',
    'substringBefore',
    'substringAfter',
    'lowercase',
    'uppercase',
    'length',
    'trim',
    'pad',
    'join',
  ],
  ...[
    'formatNumber',
    'formatBase',
    'formatInteger',
    'number',
    'floor',
    'ceil',
    'round',
    'abs',
    'sqrt',
    'power',
    'boolean',
    'not',
    'keys',
    'append',
    'exists',
  ],
  ...[
    'spread',
    'merge',
    'reverse',
    'type',
    'distinct',
    'zip',
    'base64encode',
    'base64decode',
    'encodeUrlComponent',
    'decodeUrlComponent',
    'encodeUrl',
    'decodeUrl',
    'toMillis',
    'fromMillis',
  ],
];

/** Arguments that need no check, because the function's signature takes them as they are: the check is most of a call's cost. */
const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const isListOf =
  (item: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length > 0 && value.every(item);
const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const UNCHECKED: { [name: string]: ((value: unknown) => boolean)[] } = {
  ...{
    lowercase: [isText],
    uppercase: [isText],
    length: [isText],
    trim: [isText],
    substringBefore: [isText, isText],
    substringAfter: [isText, isText],
  },
  ...{
    floor: [isNumber],
    ceil: [isNumber],
    abs: [isNumber],
    max: [isListOf(isNumber)],
    min: [isListOf(isNumber)],
    sum: [isListOf(isNumber)],
  },
  ...{
    merge: [isListOf(isRecord)],
    keys: [isRecord],

    count: [Array.isArray],
    number: [isText],
    toMillis: [isText],
    power: [isNumber, isNumber],
  },
  ...{ substring: [isText, isNumber], round: [isNumber], encodeUrlComponent: [isText], join: [isListOf(isText)] },
};

const natives = await readNatives();

async function readNatives(): Promise<Map<string, Defined>> {
  const found = new Map<string, Defined>();
  for (const name of TAKEN) found.set(name, (await jsonata(`$${name}`).evaluate(undefined)) as Defined);
  return found;
}

/** The functions by name. */
export function createBuiltins(services: ExpressionServices): ReadonlyMap<string, Builtin> {
  const builtins = new Map<string, Builtin>();
  for (const name of TAKEN) {
    const native = natives.get(name);
    if (native) builtins.set(name, checkedCall(native, UNCHECKED[name]));
  }
  for (const [name, quick] of Object.entries(QUICK)) {
    const checked = builtins.get(name);
    if (checked)
      builtins.set(name, (args, input, frame) =>
        args.length === quick.arity && !args.includes(undefined) ? quick.call(args) : checked(args, input, frame),
      );
  }
  const toMillis = builtins.get('toMillis');
  // With a picture it needs the moment that jsonata keeps for the whole evaluation.
  if (toMillis) builtins.set('toMillis', (args, input, frame) => (args.length > 1 ? bail() : toMillis(args, input, frame)));
  builtins.set('exists', (args) => (args.length === 1 ? args[0] !== undefined : bail()));
  builtins.set('lookup', (args) =>
    args.length === 2 && args[0] !== undefined && typeof args[1] === 'string' ? ownMember(args[0], args[1]) : bail(),
  );
  builtins.set('contains', contains);
  builtins.set('millis', (_args, _input, frame) => frame.env.now);
  builtins.set('now', (args, _input, frame) => (args.length === 0 ? new Date(frame.env.now).toISOString() : bail()));
  builtins.set('uuid', () => services.uuid());
  builtins.set('random', ([seed]) => (typeof seed === 'number' ? seededRandom(seed) : services.random()));
  builtins.set('parse', ([json]) => parse(json));
  builtins.set('hash', ([value, algorithm]) => hash(value, algorithm));
  builtins.set('partition', ([list, size]) => partition(list, size));
  builtins.set('range', ([first, last, step]) => range(first, last, step));
  return builtins;
}

function checkedCall(native: Defined, unchecked: ((value: unknown) => boolean)[] | undefined): Builtin {
  const { implementation, signature } = native;
  return (args, input) => {
    const asTheyAre = unchecked !== undefined && args.length === unchecked.length && unchecked.every((takes, i) => takes(args[i]));
    return implementation.apply(undefined, asTheyAre || !signature ? args : signature.validate(args, input));
  };
}

/** Functions that are cheaper done here, for arguments of which none is undefined. */
const QUICK: { [name: string]: { arity: number; call: (args: unknown[]) => unknown } } = {
  string: { arity: 1, call: ([value]) => text(value) },
  boolean: { arity: 1, call: ([value]) => boolean(value) },
  not: { arity: 1, call: ([value]) => !boolean(value) },
  append: { arity: 2, call: ([first, second]) => append(first, second) },
};

function contains(args: unknown[]): unknown {
  const [value, token] = args;
  return args.length === 2 && typeof value === 'string' && typeof token === 'string' ? value.includes(token) : bail();
}

function bail(): never {
  throw BAIL;
}
