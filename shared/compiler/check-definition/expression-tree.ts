// JSONata's own syntax tree, told apart into what the checks ask: which variables are read and bound, which heads paths have, what is called.

import jsonata from 'jsonata';

/** A node as the parser of jsonata 2.0.6 makes it; its declared type is of version 1.7 and lacks most of this. */
interface Node {
  type?: unknown;
  value?: unknown;
  [field: string]: unknown;
}

/** What an expression does, as far as its text tells. */
export interface ExpressionFacts {
  /** Variables read, without those that the expression binds itself. */
  reads: Set<string>;
  /** Variables whose existence is tested: reading them is safe though nothing may have assigned them. */
  tested: Set<string>;
  /** Names after `$states`, as far as they are plain: `['context', 'Map']`. */
  states: string[][];
  /** Heads of paths that are bare names, at a place where Step Functions refuses them. */
  bareNames: string[];
  /** Uses of `$$` and of a bare `$` at the outermost level. */
  roots: ('$$' | '$')[];
  /** Functions called that fail by design or parse what may not parse. */
  failing: string[];
  /** Levels on the longest way through the tree. */
  depth: number;
  /** The value is certainly true, false or nothing. */
  isBoolean: boolean;
  /** The value may be missing: the expression is a path and nothing else. */
  mayBeMissing: boolean;
}

/** Functions whose failure no guard in the expression can rule out. */
const FAILING = new Set(['error', 'assert', 'eval', 'single']);

const BOOLEAN_OPERATORS = new Set(['and', 'or', '=', '!=', 'in']);
const BOOLEAN_FUNCTIONS = new Set(['not', 'exists', 'boolean', 'contains']);

/** What the machine itself says about a run: these paths always lead somewhere. */
const ALWAYS_THERE = [
  'input',
  'result',
  'context/Execution/Id',
  'context/Execution/Input',
  'context/Execution/Name',
  'context/Execution/RoleArn',
].concat(
  [
    'context/Execution/StartTime',
    'context/State/Name',
    'context/State/EnteredTime',
    'context/StateMachine/Id',
    'context/StateMachine/Name',
  ],
  ['context/Map/Item/Index', 'context/Map/Item/Value', 'context/Task/Token', 'errorOutput', 'errorOutput/Error', 'errorOutput/Cause'],
);

/**
 * Parses an expression (without `{% %}`).
 *
 * @throws what jsonata throws for a text that is no expression of version 2.0.6
 */
export function readExpression(text: string): ExpressionFacts {
  const root = jsonata(text).ast() as unknown as Node;
  const facts: ExpressionFacts = {
    reads: new Set(),
    tested: new Set(),
    states: [],
    bareNames: [],
    roots: [],
    failing: [],
    depth: 0,
    isBoolean: false,
    mayBeMissing: false,
  };
  const bound = new Set<string>();
  const lambdas = new Map<string, Node>();
  visit(root, false, 1, facts, bound, lambdas);
  // `($a := $b; $exists($a) ? $a : null)` tests `$b`, whose name may be too long to be written three times.
  for (const [name, of] of aliasesIn(root)) if (facts.tested.has(name)) facts.tested.add(of);
  for (const name of bound) facts.reads.delete(name);
  facts.isBoolean = isBoolean(root, lambdas);
  facts.mayBeMissing = mayBeMissing(root, bound);
  return facts;
}

/** `inStep`: names are read from an item of a path here, which is allowed. */
function visit(node: Node, inStep: boolean, depth: number, facts: ExpressionFacts, bound: Set<string>, lambdas: Map<string, Node>): void {
  facts.depth = Math.max(facts.depth, depth);
  const go = (child: unknown, step = inStep): void => {
    for (const one of Array.isArray(child) ? child : [child]) {
      if (Array.isArray(one)) go(one, step);
      else if (isNode(one)) visit(one, step, depth + 1, facts, bound, lambdas);
    }
  };
  switch (node.type) {
    case 'path':
      visitPath(node, facts, go);
      break;
    case 'variable':
      readVariable(node, inStep, facts);
      break;
    case 'name':
    case 'wildcard':
    case 'descendant':
    case 'parent':
      if (!inStep) facts.bareNames.push(String(node.value));
      break;
    case 'bind':
      if (isNode(node['lhs'])) {
        bound.add(String(node['lhs'].value));
        if (isNode(node['rhs']) && node['rhs'].type === 'lambda') lambdas.set(String(node['lhs'].value), node['rhs']);
      }
      go(node['rhs']);
      break;
    case 'lambda':
      for (const parameter of nodes(node['arguments'])) bound.add(String(parameter.value));
      go(node['body']);
      break;
    case 'function':
    case 'partial':
      noteCall(node, facts);
      go(node['procedure']);
      go(node['arguments']);
      break;
    default:
      for (const field of ['expression', 'expressions', 'lhs', 'rhs', 'condition', 'then', 'else', 'pattern', 'update', 'delete'])
        go(node[field]);
  }
  for (const field of ['focus', 'index']) if (typeof node[field] === 'string') bound.add(node[field]);
  for (const stage of [...nodes(node['predicate']), ...nodes(node['stages'])]) go(stage['expr'], true);
  if (node.type !== 'path' && isNode(node['group'])) go(node['group']['lhs'], true);
}

function visitPath(node: Node, facts: ExpressionFacts, go: (child: unknown, step?: boolean) => void): void {
  const steps = nodes(node['steps']);
  const [head, ...rest] = steps;
  const isStates = head?.type === 'variable' && head.value === 'states' && head['predicate'] === undefined;
  if (isStates) facts.states.push(plainNames(rest));
  else if (head !== undefined) go(head);
  for (const step of rest) {
    go(step, true);
    if (step.type === 'sort') for (const term of nodes(step['terms'])) go(term['expression'], true);
  }
  if (isNode(node['group'])) go(node['group']['lhs'], true);
}

function readVariable(node: Node, inStep: boolean, facts: ExpressionFacts): void {
  const name = String(node.value);
  if (name === '$') facts.roots.push('$$');
  else if (name === 'states') facts.states.push([]);
  else if (name !== '') facts.reads.add(name);
  else if (!inStep) facts.roots.push('$');
}

function noteCall(node: Node, facts: ExpressionFacts): void {
  const procedure = node['procedure'];
  if (!isNode(procedure) || procedure.type !== 'variable') return;
  const name = String(procedure.value);
  const [first] = nodes(node['arguments']);
  const tested = first?.type === 'path' ? nodes(first['steps'])[0] : first;
  if (name === 'exists' && tested?.type === 'variable') facts.tested.add(String(tested.value));
  if (FAILING.has(name) || (name === 'parse' && !buildsJson(first))) facts.failing.push(name);
}

/** JSON put together by the expression itself: its text begins with a literal brace. */
function buildsJson(argument: Node | undefined): boolean {
  if (argument === undefined) return false;
  if (argument.type === 'string') return String(argument.value).startsWith('{');
  if (argument.type === 'binary' && argument.value === '&') return isNode(argument['lhs']) && buildsJson(argument['lhs']);
  if (argument.type === 'unary' && argument.value === '[') return buildsJson(nodes(argument['expressions'])[0]);
  const procedure = argument['procedure'];
  return argument.type === 'function' && isNode(procedure) && procedure.value === 'join' && buildsJson(nodes(argument['arguments'])[0]);
}

function isBoolean(node: Node, lambdas: ReadonlyMap<string, Node>): boolean {
  const all = (...children: unknown[]): boolean => children.every((child) => isNode(child) && isBoolean(child, lambdas));
  switch (node.type) {
    case 'value':
      return typeof node.value === 'boolean';
    case 'binary':
      return BOOLEAN_OPERATORS.has(String(node.value));
    case 'condition':
      return all(node['then'], node['else']);
    case 'block':
      return all(nodes(node['expressions']).at(-1));
    case 'lambda':
      // A call at the end of a function is kept as a function of its own.
      return all(node['body']);
    case 'function': {
      const procedure = node['procedure'];
      if (!isNode(procedure) || procedure.type !== 'variable') return false;
      const lambda = lambdas.get(String(procedure.value));
      return lambda === undefined ? BOOLEAN_FUNCTIONS.has(String(procedure.value)) : all(lambda['body']);
    }
    default:
      return false;
  }
}

/** Names that are bound to another variable as it is. */
function aliasesIn(node: Node): [name: string, of: string][] {
  const found: [string, string][] = [];
  const look = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(look);
    if (!isNode(value)) return;
    const { lhs, rhs } = value as { lhs?: unknown; rhs?: unknown };
    if (value.type === 'bind' && isNode(lhs) && isNode(rhs) && rhs.type === 'variable') found.push([String(lhs.value), String(rhs.value)]);
    for (const inner of Object.values(value)) if (typeof inner === 'object') look(inner);
  };
  look(node);
  return found;
}

function mayBeMissing(node: Node, bound: ReadonlySet<string>): boolean {
  if (node.type === 'block') {
    const last = nodes(node['expressions']).at(-1);
    return last !== undefined && mayBeMissing(last, bound);
  }
  if (node.type === 'condition') return !isNode(node['else']);
  if (node.type !== 'path') return false;
  const [head, ...rest] = nodes(node['steps']);
  if (head?.type !== 'variable' || bound.has(String(head.value))) return false;
  if (rest.some((step) => step['stages'] !== undefined)) return true;
  // A constructor as the last step makes one value of what it stands on.
  const last = rest.at(-1);
  const way = last?.type === 'unary' ? rest.slice(0, -1) : rest;
  if (head.value !== 'states') return way.length > 0;
  const names = plainNames(way);
  return names.length < way.length || !ALWAYS_THERE.includes(names.join('/'));
}

function plainNames(steps: readonly Node[]): string[] {
  const names: string[] = [];
  for (const step of steps) {
    if (step.type !== 'name') break;
    names.push(String(step.value));
    if (step['stages'] !== undefined) break;
  }
  return names;
}

function nodes(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RegExp);
}
