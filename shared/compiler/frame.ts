// Where a step stands while it is lowered: which names it can read, which variable each is, what its place is, and where a
// failure goes. A frame is one variable scope of Step Functions: the machine, a branch of a Parallel, an iteration of a Map.
//
//   F1. A variable's name is used in one scope only: names made in a branch get a prefix, and the join assigns the author's names.
//   F2. No variable has the name of a JSONata function: `$count` as a variable would hide the function.
//   F3. Inside an iteration the item is `$states.context.Map.Item`; in blocks nested in it, it is a variable that the
//       iteration's first state assigns (`prelude`).

import type { Json } from '../json.ts';
import { ITEM_DIGITS, stepPlace } from '../protocol/place.ts';
import type { Step } from '../workflow/index.ts';
import { type Analysis, namesMade } from './analyse.ts';
import { DEFAULT_BUDGET } from './limits.ts';
import { expression } from './runtime-code.ts';

/**
 * JSONata 2.0.6's functions, those that Step Functions adds, and names with a meaning of their own. JSONata asks its variables for
 * `hasOwnProperty`: one of that name makes every later look-up fail.
 */
const TAKEN =
  'states sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains replace split join ' +
  'formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power random boolean not map zip filter single reduce sift keys ' +
  'lookup append exists spread merge reverse each error assert type sort shuffle distinct base64encode base64decode encodeUrlComponent encodeUrl ' +
  'decodeUrlComponent decodeUrl eval toMillis fromMillis clone now millis parse hash uuid partition range hasOwnProperty';

/** Gives out variable names, each once. Names beginning with `_` and a digit or a single letter of the generated code are never given. */
export class VariableNames {
  readonly #used = new Set(TAKEN.split(' '));

  take(wanted: string): string {
    // Generated expressions use one-letter and underscore-led names of their own.
    const base = wanted.length < 2 || wanted.startsWith('_') ? `v_${wanted}` : wanted;
    let name = base;
    for (let n = 2; this.#used.has(name); n++) name = `${base}_${n}`;
    this.#used.add(name);
    return name;
  }
}

/** A place as pieces: text, or code that gives text. */
export type Place = readonly (string | { code: string })[];

/** The place of the n-th (1-based) step, branch or case inside. */
export function placeInside(place: Place, number: number): Place {
  const last = place.at(-1);
  if (typeof last === 'string') return [...place.slice(0, -1), stepPlace(last, number)];
  return place.length === 0 ? [stepPlace('', number)] : [...place, `.${stepPlace('', number)}`];
}

/** The place of the item whose number `indexCode` gives. */
export function placeOfItem(place: Place, indexCode: string): Place {
  return [...joined(place, '.'), { code: `$pad($string(${indexCode}), -${ITEM_DIGITS}, "0")` }];
}

function joined(place: Place, text: string): Place {
  const last = place.at(-1);
  return typeof last === 'string' ? [...place.slice(0, -1), last + text] : [...place, text];
}

/** JSONata code of a place. */
export function placeCode(place: Place): string {
  return place.map((piece) => (typeof piece === 'string' ? `"${piece}"` : piece.code)).join(' & ');
}

/** A place as a template value: plain text where it is constant. */
export function placeValue(place: Place): Json {
  return place.every((piece) => typeof piece === 'string') ? place.join('') : expression(placeCode(place));
}

export interface Reading {
  code: string;
  total: boolean;
}

export interface Collected {
  steps: ReadonlySet<Step>;
  paths: readonly string[][];
  divisors: readonly string[];
}

export interface Frame {
  kind: 'root' | 'branch' | 'iteration';
  /** Only for branches and iterations: failures are reported to the join. */
  settle: boolean;
  /** The state that a failed branch or iteration ends in, for settling frames. */
  failEnd: (() => string) | null;
  /** Author's name → how it is read here. */
  names: Map<string, Reading>;
  /** Author's name → variable, for the names made in this frame. */
  variables: Map<string, string>;
  place: Place;
  /** Places of the settling blocks around, outermost first; `stops` are those that a failure in here ends. */
  blocks: readonly Place[];
  stops: readonly Place[];
  /** A failure for good in here is let go by a block around it. */
  letGo: boolean;
  /** Bytes that a result may have in the state. */
  budget: number;
  /** Iterations whose results are collected: which steps give the item's result, what is read of it, and what divides the budget (code). */
  collected: Collected | null;
  /** Iterations only: what can be read from the context object here (F3): author's name, or `#` for the item number in places. */
  direct: Map<string, string>;
  /** Iterations only: variable → code, to be assigned by the first state for nested blocks; filled while those are lowered. */
  prelude: Map<string, string>;
}

/** The machine's own frame. */
export function rootFrame(analysis: Analysis): Frame {
  return {
    kind: 'root',
    settle: false,
    failEnd: null,
    names: new Map(),
    variables: new Map(),
    place: [],
    blocks: [],
    stops: [],
    letGo: false,
    budget: Math.min(DEFAULT_BUDGET, Math.floor(8_388_608 / Math.max(1, analysis.outputs))),
    collected: null,
    direct: new Map(),
    prelude: new Map(),
  };
}

/** A frame inside another: sees its names, makes none of them. */
export function innerFrame(
  outer: Frame,
  variables: VariableNames,
  own: Partial<Frame> & Pick<Frame, 'kind' | 'settle' | 'failEnd' | 'place'>,
): Frame {
  const names = new Map(outer.names);
  for (const [name, code] of outer.direct) if (name !== ITEM_NUMBER) names.set(name, throughPrelude(outer, variables, name, code));
  const number = outer.direct.get(ITEM_NUMBER);
  const translate = (place: Place): Place => {
    if (number === undefined) return place;
    return place.map((piece) =>
      typeof piece !== 'string' && piece.code === number ? throughPrelude(outer, variables, ITEM_NUMBER, number) : piece,
    );
  };
  return {
    ...outer,
    variables: new Map(),
    direct: new Map(),
    prelude: new Map(),
    ...own,
    names,
    place: translate(own.place),
    blocks: (own.blocks ?? outer.blocks).map(translate),
    stops: (own.stops ?? outer.stops).map(translate),
  };
}

/** Key in `direct` of the item number as it stands in places. */
export const ITEM_NUMBER = '#';

function throughPrelude(iteration: Frame, variables: VariableNames, name: string, code: string): Reading {
  let variable: string | undefined;
  return {
    total: true,
    get code() {
      if (variable === undefined) {
        for (const [known, knownCode] of iteration.prelude) if (knownCode === code) variable = known;
        variable ??= variables.take(name === ITEM_NUMBER ? 'item_number' : `of_${name}`);
        iteration.prelude.set(variable, code);
      }
      return `$${variable}`;
    },
  };
}

/** Gives every name that these steps make in this frame its variable. */
export function declareNames(frame: Frame, steps: readonly Step[], variables: VariableNames, analysis: Analysis, prefix: string): void {
  for (const name of steps.flatMap(namesMade)) {
    if (frame.variables.has(name)) continue;
    const variable = variables.take(`${prefix}${name}`);
    frame.variables.set(name, variable);
    frame.names.set(name, { code: `$${variable}`, total: !analysis.maybeUnassigned.has(name) });
  }
}
