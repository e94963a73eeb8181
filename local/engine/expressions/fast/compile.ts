// jsonata's tree to closures: the common part of the language, evaluated at once and without promises.
//
//   F1. What is compiled means exactly what jsonata 2.0.6 makes of it: `test/engine/fast-expressions.test.ts` holds the two together.
//   F2. What is not known here is refused when compiling (`Unsupported`); what goes wrong when evaluating is thrown, whatever it is, and
//       the caller asks jsonata, which gives the value or the exact error.

import { type Json, type JsonObject, setOwn } from '../../../../shared/json.ts';
import type { Builtin } from './builtins.ts';
import { BAIL, type Frame, type Node, type Run, Unsupported } from './frame.ts';
import { arithmetic, boolean, comparison, differs, equals, includes, negate, range, text } from './operators.ts';
import { compileFilter, compileName, compilePath } from './path.ts';
import { append, settleSequence } from './sequence.ts';

/**
 * Compiles the tree of an expression.
 * @throws Unsupported for what only jsonata can do
 */
export function compileTree(tree: Node, builtins: ReadonlyMap<string, Builtin>): Run {
  const bound = new Set<string>();
  collectBound(tree, bound);
  const compile = (node: Node): Run => finish(node, compileNode(node, compile, builtins, bound), compile);
  return compile(tree);
}

function compileNode(node: Node, compile: (node: Node) => Run, builtins: ReadonlyMap<string, Builtin>, bound: Set<string>): Run {
  if (node['group']) throw new Unsupported('grouping');
  switch (node.type) {
    case 'path':
      return compilePath(node, compile);
    case 'name':
      return compileName(String(node.value));
    case 'string':
    case 'number':
    case 'value': {
      const { value } = node;
      return () => value;
    }
    case 'variable':
      return compileVariable(String(node.value), builtins, bound);
    case 'binary':
      return compileBinary(String(node.value), compile(node['lhs'] as Node), compile(node['rhs'] as Node));
    case 'unary':
      return compileUnary(node, compile);
    case 'condition':
      return compileCondition(node, compile);
    case 'block':
      return compileBlock((node['expressions'] as Node[]).map(compile));
    case 'bind':
      return compileBind(String((node['lhs'] as Node).value), compile(node['rhs'] as Node));
    case 'function':
      return compileCall(node, undefined, compile, builtins, bound);
    case 'apply': {
      const rhs = node['rhs'] as Node;
      if (rhs.type !== 'function') throw new Unsupported('a chain of functions');
      return finish(rhs, compileCall(rhs, compile(node['lhs'] as Node), compile, builtins, bound), compile);
    }
    default:
      throw new Unsupported(`a node of type ${node.type}`);
  }
}

/** Predicates, and what becomes of a sequence. */
function finish(node: Node, run: Run, compile: (node: Node) => Run): Run {
  const predicates = ((node['predicate'] ?? []) as Node[]).map((predicate) => compileFilter(predicate['expr'] as Node, compile));
  const keepArray = node['keepArray'] === true;
  if (predicates.length === 0) {
    return (input, frame) => {
      const value = run(input, frame);
      return Array.isArray(value) ? settleSequence(value, keepArray) : value;
    };
  }
  return (input, frame) => {
    let value = run(input, frame);
    for (const predicate of predicates) value = predicate(value, frame);
    return settleSequence(value, keepArray);
  };
}

function compileVariable(name: string, builtins: ReadonlyMap<string, Builtin>, bound: Set<string>): Run {
  if (name === '') {
    return (input) => input;
  }
  if (name === '$') throw new Unsupported('the root of the input document');
  if (bound.has(name)) return (_input, frame) => (name in frame.locals ? frame.locals[name] : global(name, frame, builtins));
  if (name === 'states') return (_input, frame) => frame.env.states;
  return (_input, frame) => global(name, frame, builtins);
}

function global(name: string, frame: Frame, builtins: ReadonlyMap<string, Builtin>): unknown {
  if (name === 'states') return frame.env.states;
  const value = frame.env.vars[name];
  // A function as a value.
  if (value === undefined && (builtins.has(name) || FUNCTIONS_LEFT.has(name))) throw BAIL;
  return value;
}

/** Functions of jsonata that are not compiled: named without being called, they are values. */
const FUNCTIONS_LEFT = new Set([
  'match',
  'replace',
  'split',
  'map',
  'filter',
  'single',
  'reduce',
  'sift',
  'each',
  'sort',
  'error',
  'assert',
  'shuffle',
  'clone',
  'parseInteger',
]);

function compileBinary(operator: string, left: Run, right: Run): Run {
  switch (operator) {
    case 'and':
      return (input, frame) => (boolean(left(input, frame)) ?? false) && (boolean(right(input, frame)) ?? false);
    case 'or':
      return (input, frame) => (boolean(left(input, frame)) ?? false) || (boolean(right(input, frame)) ?? false);
    case '&':
      return (input, frame) => text(left(input, frame)) + text(right(input, frame));
    case '=':
      return (input, frame) => equals(left(input, frame), right(input, frame));
    case '!=':
      return (input, frame) => differs(left(input, frame), right(input, frame));
    case 'in':
      return (input, frame) => includes(left(input, frame), right(input, frame));
    case '..':
      return (input, frame) => range(left(input, frame), right(input, frame));
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const compare = comparison(operator);
      return (input, frame) => compare(left(input, frame), right(input, frame));
    }
    case '+':
    case '-':
    case '*':
    case '/':
    case '%': {
      const compute = arithmetic(operator);
      return (input, frame) => compute(left(input, frame), right(input, frame));
    }
    default:
      throw new Unsupported(`the operator ${operator}`);
  }
}

function compileUnary(node: Node, compile: (node: Node) => Run): Run {
  if (node.value === '-') {
    const run = compile(node['expression'] as Node);
    return (input, frame) => negate(run(input, frame));
  }
  if (node.value === '[') return compileList(node, compile);
  if (node.value === '{') return compileRecord(node, compile);
  throw new Unsupported(`the unary ${String(node.value)}`);
}

/** `[a, b]`: an inner constructor is an item, every other list is flattened into this one. */
function compileList(node: Node, compile: (node: Node) => Run): Run {
  const items = (node['expressions'] as Node[]).map((item) => ({ whole: item.value === '[', run: compile(item) }));
  const marked = node['consarray'] === true;
  return (input, frame) => {
    let list: unknown[] = [];
    for (const { whole, run } of items) {
      const value = run(input, frame);
      if (value === undefined) continue;
      if (whole || !Array.isArray(value)) list.push(value);
      else list = append(list, value) as unknown[];
    }
    if (marked) Object.defineProperty(list, 'cons', { enumerable: false, configurable: false, value: true });
    return list;
  };
}

/** `{key: value}` on one item; what is undefined is left out. */
function compileRecord(node: Node, compile: (node: Node) => Run): Run {
  const pairs = (node['lhs'] as [Node, Node][]).map(([key, value]) => ({
    constant: key.type === 'string' ? String(key.value) : undefined,
    key: compile(key),
    value: compile(value),
  }));
  const names = pairs.map(({ constant }) => constant);
  const plain = names.every((name) => name !== undefined && isPlainKey(name)) && new Set(names).size === names.length;
  return (input, frame) => {
    // A list would be grouped.
    if (Array.isArray(input)) throw BAIL;
    const record: JsonObject = {};
    const seen = plain ? undefined : new Set<string>();
    for (const { constant, key, value } of pairs) {
      const name = constant ?? key(input, frame);
      if (name === undefined) continue;
      if (typeof name !== 'string' || (seen && (seen.has(name) || !isPlainKey(name)))) throw BAIL;
      seen?.add(name);
      const member = value(input, frame);
      if (member !== undefined) setOwn(record, name, member as Json);
    }
    return record;
  };
}

/** jsonata keeps groups in a plain object, where these names mean something else. */
const isPlainKey = (name: string): boolean => name !== '__proto__' && !(name in Object.prototype);

function compileCondition(node: Node, compile: (node: Node) => Run): Run {
  const condition = compile(node['condition'] as Node);
  const then = compile(node['then'] as Node);
  const otherwise = node['else'] === undefined ? undefined : compile(node['else'] as Node);
  return (input, frame) => (boolean(condition(input, frame)) ? then(input, frame) : otherwise?.(input, frame));
}

function compileBlock(expressions: Run[]): Run {
  return (input, frame) => {
    const inner: Frame = { env: frame.env, locals: Object.create(frame.locals) };
    let value: unknown;
    for (const expression of expressions) value = expression(input, inner);
    return value;
  };
}

function compileBind(name: string, run: Run): Run {
  return (input, frame) => {
    const value = run(input, frame);
    frame.locals[name] = value;
    return value;
  };
}

function compileCall(
  node: Node,
  context: Run | undefined,
  compile: (node: Node) => Run,
  builtins: ReadonlyMap<string, Builtin>,
  bound: Set<string>,
): Run {
  const procedure = node['procedure'] as Node;
  const name = String(procedure.value);
  const builtin = builtins.get(name);
  if (procedure.type !== 'variable' || procedure['predicate'] || bound.has(name) || !builtin) throw new Unsupported(`a call of ${name}`);
  const args = (node['arguments'] as Node[]).map(compile);
  return (input, frame) => {
    // A variable of the execution hides a function of the same name.
    if (name in frame.env.vars) throw BAIL;
    const values = context ? [context(input, frame)] : [];
    for (const argument of args) values.push(argument(input, frame));
    return builtin(values, input, frame);
  };
}

/** Every name that the expression binds itself. */
function collectBound(value: unknown, bound: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectBound(item, bound);
  else if (typeof value === 'object' && value !== null && !(value instanceof RegExp)) {
    const node = value as Node;
    if (node.type === 'bind') bound.add(String((node['lhs'] as Node).value));
    for (const member of Object.values(node)) collectBound(member, bound);
  }
}
