// Regular expressions of `input` schemas, matched in time linear in the text. A pattern comes with a file and a text with a request, so the
// backtracking of RegExp would let the two together stop the process.
//
// Supported: literals, `.`, classes, \d \w \s \p{…} and escapes, ^ $, groups (capturing nothing), alternation, * + ? {n,m}. Refused: look-around,
// back-references, \b, and patterns that unfold to more than 2,000 states. Characters are matched by RegExp itself (flag `u`), one at a time.

const MAX_PATTERN_CHARS = 1_000;
const MAX_STATES = 2_000;
const MAX_DEPTH = 50;

type State =
  | { kind: 'char'; test: (character: string) => boolean; next: number }
  | { kind: 'split'; next: number[] }
  | { kind: 'start' | 'end'; next: number }
  | { kind: 'match' };

type Tree =
  | { kind: 'atom'; source: string }
  | { kind: 'anchor'; at: 'start' | 'end' }
  | { kind: 'all'; of: Tree[] }
  | { kind: 'any'; of: Tree[] }
  | { kind: 'repeat'; of: Tree; min: number; max: number };

export interface Pattern {
  /** True where the pattern matches somewhere in the text, as RegExp's `test`. */
  test(text: string): boolean;
}

/**
 * Compiles a pattern.
 *
 * @returns the pattern, or what is wrong with it as a text
 */
export function compilePattern(source: string): Pattern | string {
  if (source.length > MAX_PATTERN_CHARS) return `the pattern is longer than ${MAX_PATTERN_CHARS} characters`;
  try {
    // Syntax is RegExp's business; what passes is taken apart below.
    new RegExp(source, 'u');
  } catch {
    return 'the pattern is not a regular expression';
  }
  const reader = { source, at: 0 };
  try {
    const tree = readAlternatives(reader, 0);
    const states: Automaton = Object.assign([{ kind: 'match' as const }], { work: 0 });
    const start = build(states, tree, 0);
    return { test: (text) => run(states, start, text) };
  } catch (refusal) {
    if (refusal instanceof Refusal) return refusal.message;
    throw refusal;
  }
}

class Refusal extends Error {}

function tooMany(): Refusal {
  return new Refusal(`the pattern unfolds to more than ${MAX_STATES} states`);
}

/** States by number, and how often a part of the tree was unfolded. */
type Automaton = State[] & { work: number };

interface Reader {
  source: string;
  at: number;
}

function readAlternatives(reader: Reader, depth: number): Tree {
  if (depth > MAX_DEPTH) throw new Refusal('the pattern is nested too deep');
  const of = [readSequence(reader, depth)];
  while (reader.source[reader.at] === '|') {
    reader.at++;
    of.push(readSequence(reader, depth));
  }
  return of.length === 1 && of[0] !== undefined ? of[0] : { kind: 'any', of };
}

function readSequence(reader: Reader, depth: number): Tree {
  const of: Tree[] = [];
  while (reader.at < reader.source.length && !'|)'.includes(reader.source[reader.at] ?? '')) of.push(readRepeat(reader, depth));
  return { kind: 'all', of };
}

function readRepeat(reader: Reader, depth: number): Tree {
  const of = readAtom(reader, depth);
  const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(reader.source.slice(reader.at, reader.at + 40));
  if (found === null) return of;
  reader.at += found[0].length;
  const [, sign, least, comma, most] = found;
  if (sign !== undefined) return { kind: 'repeat', of, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Number.POSITIVE_INFINITY };
  const min = Number(least);
  return { kind: 'repeat', of, min, max: comma === '' ? min : most === '' ? Number.POSITIVE_INFINITY : Number(most) };
}

function readAtom(reader: Reader, depth: number): Tree {
  const { source, at } = reader;
  const first = String.fromCodePoint(source.codePointAt(at) ?? 0);
  if (first === '(') return readGroup(reader, depth);
  reader.at += first.length;
  if (first === '^') return { kind: 'anchor', at: 'start' };
  if (first === '$') return { kind: 'anchor', at: 'end' };
  if (first === '[') {
    let end = at + 1;
    while (end < source.length && source[end] !== ']') end += source[end] === '\\' ? 2 : 1;
    reader.at = end + 1;
    return { kind: 'atom', source: source.slice(at, end + 1) };
  }
  if (first !== '\\') return { kind: 'atom', source: first };
  const escaped =
    /^\\(?:[pP]\{[^}]*\}|u\{[\da-fA-F]+\}|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[A-Za-z]|[\s\S])/.exec(
      source.slice(at),
    )?.[0] ?? '\\';
  if (/^\\[1-9kbB]/.test(escaped)) throw new Refusal(`the pattern uses ${escaped}, which is not supported`);
  reader.at = at + escaped.length;
  return { kind: 'atom', source: escaped };
}

function readGroup(reader: Reader, depth: number): Tree {
  const opening = /^\((?:\?(?::|<[A-Za-z_$][\w$]*>)|(?!\?))/.exec(reader.source.slice(reader.at, reader.at + 100))?.[0];
  if (opening === undefined) throw new Refusal('the pattern looks ahead, looks back or changes flags, which is not supported');
  reader.at += opening.length;
  const inner = readAlternatives(reader, depth + 1);
  reader.at++;
  return inner;
}

/** Adds the states of a tree before the state `next`; returns where they begin. */
function build(states: Automaton, tree: Tree, next: number): number {
  // Repeated empty groups add no state and would be unfolded for ever.
  if (++states.work > MAX_STATES * 10) throw tooMany();
  switch (tree.kind) {
    case 'atom': {
      const one = new RegExp(`^(?:${tree.source})$`, 'u');
      return add(states, { kind: 'char', test: (character) => one.test(character), next });
    }
    case 'anchor':
      return add(states, { kind: tree.at, next });
    case 'all':
      return tree.of.reduceRight((after, part) => build(states, part, after), next);
    case 'any':
      return add(states, { kind: 'split', next: tree.of.map((part) => build(states, part, next)) });
    case 'repeat':
      return buildRepeat(states, tree, next);
  }
}

function buildRepeat(states: Automaton, tree: Extract<Tree, { kind: 'repeat' }>, next: number): number {
  let after = next;
  if (tree.max === Number.POSITIVE_INFINITY) {
    const loop: Extract<State, { kind: 'split' }> = { kind: 'split', next: [next] };
    after = add(states, loop);
    loop.next.push(build(states, tree.of, after));
  } else {
    for (let count = tree.min; count < tree.max; count++)
      after = add(states, { kind: 'split', next: [build(states, tree.of, after), next] });
  }
  for (let count = 0; count < tree.min; count++) after = build(states, tree.of, after);
  return after;
}

function add(states: Automaton, state: State): number {
  if (states.length >= MAX_STATES) throw tooMany();
  return states.push(state) - 1;
}

/** All states at once, character by character. */
function run(states: readonly State[], start: number, text: string): boolean {
  let current = new Set<number>();
  if (enter(states, start, text, 0, current)) return true;
  for (let at = 0; at < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    at += character.length;
    const following = new Set<number>();
    for (const index of current) {
      const state = states[index];
      if (state?.kind === 'char' && state.test(character) && enter(states, state.next, text, at, following)) return true;
    }
    // A match may begin at any character.
    if (enter(states, start, text, at, following)) return true;
    current = following;
  }
  return false;
}

/** Adds a state and what it leads to without a character; true where the match is reached. */
function enter(states: readonly State[], from: number, text: string, at: number, into: Set<number>): boolean {
  const pending = [from];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    const state = states[index];
    if (state === undefined || into.has(index)) continue;
    into.add(index);
    if (state.kind === 'match') return true;
    if (state.kind === 'split') pending.push(...state.next);
    if (state.kind === 'start' && at === 0) pending.push(state.next);
    if (state.kind === 'end' && at === text.length) pending.push(state.next);
  }
  return false;
}
