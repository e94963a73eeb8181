// What a workflow expects of its input and of the answers of its calls, read off its templates: which paths are read, and what a value there
// has to be for the run to take its main path (conditions hold, lists have items, numbers can be added).
//
//   W1. The first thing that asks for an exact value gets it; a later, other wish for the same path is ignored.
//   W2. Conditions are wanted to hold: every `when`, and the first case of a switch; but none that leads straight to a `fail`.

import type { Expr, Step, Template, TextPart, Workflow } from '../../shared/workflow/index.ts';
import {
  ARGUMENT,
  fieldOf,
  inside,
  itemOf,
  kindOfLiteral,
  literalOf,
  newWant,
  operandWish,
  type Want,
  type Wish,
  wishFor,
} from './wishes.ts';

/** The wishes for the input and for each output, by name. */
export interface Wants {
  input: Want;
  outputs: Map<string, Want>;
}

const HOLDS: Wish = { exact: true };
const HOLDS_NOT: Wish = { exact: false };

/** Reads a whole workflow. */
export function wantsOf(workflow: Workflow): Wants {
  const input = newWant();
  const outputs = new Map<string, Want>();
  const reader = new Reader(new Map([['input', input]]));
  // Twice: a name made by `set` is an alias of what it is made of, and a foreach may read an output that is made further down a branch.
  for (let pass = 0; pass < 2; pass++) {
    reader.steps(workflow.steps, outputs);
    reader.template(workflow.output);
    for (const service of Object.values(workflow.services)) for (const [, value] of service.headers) reader.parts(value);
  }
  return { input, outputs };
}

class Reader {
  readonly #names: Map<string, Want>;

  constructor(names: Map<string, Want>) {
    this.#names = names;
  }

  steps(steps: readonly Step[], outputs: Map<string, Want>): void {
    for (const step of steps) {
      if (step.when) this.expr(step.when, step.kind === 'fail' ? HOLDS_NOT : HOLDS);
      if ('output' in step && step.output !== null && !this.#names.has(step.output)) {
        const want = newWant();
        outputs.set(step.output, want);
        this.#names.set(step.output, want);
      }
      this.#step(step, outputs);
    }
  }

  #step(step: Step, outputs: Map<string, Want>): void {
    switch (step.kind) {
      case 'call':
      case 'workflow':
        if (step.kind === 'call' && step.method) this.parts(step.method.text, { kind: 'text' });
        this.template(step.input);
        if (step.compensate) {
          this.template(step.compensate.input);
          if (step.compensate.method) this.parts(step.compensate.method.text, { kind: 'text' });
        }
        return;
      case 'parallel':
        for (const branch of step.branches) {
          if (branch.when) this.expr(branch.when, HOLDS);
          this.steps(branch.steps, outputs);
        }
        return;
      case 'foreach':
        return this.#foreach(step, outputs);
      case 'switch': {
        const wanted = step.cases.findIndex((one) => one.steps[0]?.kind !== 'fail');
        for (const [i, one] of step.cases.entries()) {
          if (one.when) this.expr(one.when, i === wanted ? HOLDS : i < wanted ? HOLDS_NOT : null);
          this.steps(one.steps, outputs);
        }
        return;
      }
      case 'set':
        for (const [name, value] of step.values) this.#alias(name, value);
        return;
      case 'wait':
        if (step.until) this.expr(step.until, { kind: 'time' });
        return;
      case 'emit':
        this.template(step.detailType);
        return this.template(step.detail);
      case 'checkpoint':
        this.template(step.title);
        return this.template(step.prompt);
      case 'fail':
        return this.template(step.message);
    }
  }

  #foreach(step: Extract<Step, { kind: 'foreach' }>, outputs: Map<string, Want>): void {
    this.expr(step.items, { kind: 'list' });
    const list = step.items.kind === 'path' ? this.#resolve(step.items) : null;
    const item = list ? itemOf(list) : newWant();
    this.#names.set(step.as, item);
    this.#names.set('item', item);
    this.steps(step.steps, outputs);
  }

  #alias(name: string, value: Template): void {
    this.template(value);
    const target = value.kind === 'expr' && value.expr.kind === 'path' ? this.#resolve(value.expr) : null;
    if (!this.#names.has(name)) this.#names.set(name, target ?? newWant());
  }

  template(template: Template | null): void {
    if (template === null) return;
    switch (template.kind) {
      case 'literal':
        return;
      case 'expr':
        return this.expr(template.expr, null);
      case 'text':
        return this.parts(template.parts);
      case 'list':
        return template.items.forEach((item) => this.template(item));
      case 'object':
        return template.entries.forEach(([, value]) => this.template(value));
    }
  }

  parts(parts: readonly TextPart[], wish: Wish = null): void {
    for (const part of parts) if (typeof part !== 'string') this.expr(part, wish);
  }

  expr(expr: Expr, wish: Wish): void {
    switch (expr.kind) {
      case 'path': {
        const want = this.#resolve(expr);
        if (want) wishFor(want, wish);
        for (const step of expr.steps) if (step.kind === 'index') this.expr(step.index, null);
        return;
      }
      case 'call':
        return this.#call(expr, wish);
      case 'unary':
        return this.expr(expr.operand, expr.op === '!' ? { exact: wish?.exact !== true } : { kind: 'number' });
      case 'binary':
        return this.#binary(expr, wish);
      case 'conditional':
        this.expr(expr.test, null);
        this.expr(expr.yes, wish);
        return this.expr(expr.no, wish);
      case 'list':
        return expr.items.forEach((item) => this.expr(item, null));
      case 'object':
        return expr.entries.forEach(([, value]) => this.expr(value, null));
      default:
        return;
    }
  }

  #binary(expr: Extract<Expr, { kind: 'binary' }>, wish: Wish): void {
    const { left, right, op } = expr;
    // Both sides decide, or one is enough.
    if (op === (wish?.exact === false ? '||' : '&&')) return [left, right].forEach((side) => this.expr(side, wish));
    if (op === '||' || op === '&&') {
      this.expr(left, wish);
      return this.expr(right, null);
    }
    const holds = wish?.exact !== false;
    this.expr(left, operandWish(op, literalOf(right), holds, 1));
    this.expr(right, operandWish(op, literalOf(left), holds, -1));
  }

  #call({ name, args }: Extract<Expr, { kind: 'call' }>, wish: Wish): void {
    const [first, ...others] = args;
    if (!first) return;
    for (const other of others) this.expr(other, null);
    if (name === 'default' || name === 'coalesce') return this.expr(first, wish ?? kindOfLiteral(others[0]));
    if (name === 'pluck' && first.kind === 'path') return this.#pluck(first, others[0], null);
    if (
      (name === 'sum' || name === 'min' || name === 'max') &&
      first.kind === 'call' &&
      first.name === 'pluck' &&
      first.args[0]?.kind === 'path'
    ) {
      return this.#pluck(first.args[0], first.args[1], { kind: 'number' });
    }
    const text = literalOf(others[0]);
    if (['contains', 'starts_with', 'ends_with'].includes(name) && typeof text === 'string' && wish?.exact === true) {
      return this.expr(first, { exact: text });
    }
    this.expr(first, ARGUMENT[name] ?? null);
    if ((name === 'sum' || name === 'min' || name === 'max') && first.kind === 'path') {
      const list = this.#resolve(first);
      if (list) wishFor(itemOf(list), { kind: 'number' });
    }
  }

  #pluck(list: Extract<Expr, { kind: 'path' }>, path: Expr | undefined, wish: Wish): void {
    const want = this.#resolve(list);
    const text = literalOf(path);
    if (!want || typeof text !== 'string') return;
    wishFor(text.split('.').reduce(fieldOf, itemOf(want)), wish);
  }

  /** The wish behind a path, made where it is new; null for names that no call and no input makes. */
  #resolve(expr: Extract<Expr, { kind: 'path' }>): Want | null {
    const root = this.#names.get(expr.root);
    return root ? expr.steps.reduce(inside, root) : null;
  }
}
