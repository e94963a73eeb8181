// From a shape to a workflow file: ids, output names, and templates that read only what is in scope. The file is JSON, which is YAML too.

import type { Json, JsonObject } from '../../shared/json.ts';
import type { FileShape, Pick, StepShape, UndoShape } from './shapes.ts';

/** The input of every random run. */
export const INPUT: JsonObject = {
  n: 3,
  text: 'häu $ "x" {% y %}',
  flag: true,
  nothing: null,
  list: [{ id: 'i0', n: 0 }, { id: 'i1', n: 7 }, 'two'],
  one: [1],
  empty: [],
  deep: { a: { b: [1, null, { c: 'd' }] } },
};

interface Scope {
  /** Outputs and set names that can be read. */
  names: string[];
  inForeach: boolean;
}

interface Writer {
  next: number;
  name: string;
}

/** Names of the workflows that a random workflow may start. */
export const CHILD_NAMES = ['child-one', 'child-two'];

/** The text of the file. `name` is the workflow's. */
export function writeWorkflow(shape: FileShape, name: string): string {
  const writer: Writer = { next: 0, name };
  const scope: Scope = { names: [], inForeach: false };
  const steps = writeSteps(writer, shape.steps, scope);
  const output = shape.output && Object.fromEntries(shape.output.map((pick, i) => [`o${i}`, value(pick, scope)]));
  const service = (endpoint: string): JsonObject => ({ type: 'http', endpoint, timeout: '30s', breaker: false });
  const file: JsonObject = {
    name,
    version: '1',
    timeout: '200h',
    services: { east: service('http://east.test'), west: service('http://west.test') },
    steps,
    ...(output ? { output } : {}),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

function writeSteps(writer: Writer, shapes: readonly StepShape[], scope: Scope): Json[] {
  const before = [...scope.names];
  const written = shapes.map((shape) => {
    const id = `s${++writer.next}`;
    const condition = shape.when ? { when: `{{ ${conditionText(shape.when, scope)} }}` } : {};
    return { id, ...condition, ...writeStep(writer, shape, id, scope) };
  });
  // Nothing comes out of a sequence that never comes to its end.
  if (shapes.some(endsRun)) scope.names.splice(0, scope.names.length, ...before);
  return written;
}

function endsRun(shape: StepShape): boolean {
  if (shape.when !== null) return false;
  if (shape.kind === 'fail') return true;
  return (
    shape.kind === 'switch' &&
    shape.otherwise !== null &&
    [...shape.cases.map(({ steps }) => steps), shape.otherwise].every((steps) => steps.some(endsRun))
  );
}

function writeStep(writer: Writer, shape: StepShape, id: string, scope: Scope): JsonObject {
  const letGo = 'letGo' in shape && shape.letGo ? { on_error: 'continue' } : {};
  switch (shape.kind) {
    case 'call':
      return { ...letGo, ...writeCall(shape, id, scope) };
    case 'parallel':
      return {
        ...letGo,
        parallel: apart(scope, shape.branches, (branch, inner) => ({
          ...whenOf(branch.when, inner),
          steps: writeSteps(writer, branch.steps, inner),
        })),
      };
    case 'foreach': {
      const inner: Scope = { names: [...scope.names], inForeach: true };
      const written: JsonObject = {
        ...letGo,
        foreach: `{{ ${listText(shape.items, scope)} }}`,
        concurrency: shape.concurrency,
        steps: writeSteps(writer, shape.steps, inner),
      };
      if (shape.output) {
        written['output'] = `all_${id}`;
        scope.names.push(`all_${id}`);
      }
      return written;
    }
    case 'switch': {
      const cases = shape.cases.map((one) => ({ when: one.when as Pick | null, steps: one.steps }));
      if (shape.otherwise) cases.push({ when: null, steps: shape.otherwise });
      return { switch: apart(scope, cases, (one, inner) => ({ ...whenOf(one.when, inner), steps: writeSteps(writer, one.steps, inner) })) };
    }
    case 'set': {
      const values = Object.fromEntries(shape.values.map((pick, i) => [`set_${id}_${i}`, value(pick, scope)]));
      scope.names.push(...Object.keys(values));
      return { set: values };
    }
    case 'wait':
      return { wait: `${shape.seconds}s` };
    case 'fail':
      return { fail: { error: 'OnPurpose', message: 'it was asked for' } };
    case 'workflow': {
      const written: JsonObject = {
        ...letGo,
        workflow: CHILD_NAMES[shape.child] ?? 'child-one',
        input: { ...INPUT, from: value(shape.input, scope) },
      };
      const inner = nameOutput(written, shape.output, id, scope);
      if (shape.undo) written['compensate'] = { service: 'west', ...writeUndo(shape.undo, id, inner) };
      return written;
    }
  }
}

function writeCall(shape: Extract<StepShape, { kind: 'call' }>, id: string, scope: Scope): JsonObject {
  const written: JsonObject = {
    service: 'east',
    method: `POST /${id}`,
    input: Object.fromEntries(shape.input.map((pick, i) => [`f${i}`, value(pick, scope)])),
    ...(shape.attempts > 1 ? { retry: { attempts: shape.attempts } } : {}),
    ...(shape.select ? { select: ['id', 'deep.a', 'nowhere'] } : {}),
    ...(shape.letGo && shape.attempts === 2 ? { default: { id: 'by default', n: 1 } } : {}),
  };
  const inner = nameOutput(written, shape.output, id, scope);
  if (shape.undo) written['compensate'] = writeUndo(shape.undo, id, inner);
  return written;
}

/** Gives a step its output name, puts it in scope, and gives the scope of the step's undo. */
function nameOutput(written: JsonObject, output: boolean, id: string, scope: Scope): Scope {
  if (!output) return { ...scope, names: [...scope.names] };
  written['output'] = `out_${id}`;
  scope.names.push(`out_${id}`);
  return { ...scope, names: [...scope.names] };
}

function writeUndo(shape: UndoShape, id: string, scope: Scope): JsonObject {
  const input: JsonObject = { failed: '{{ .error.step }}' };
  if (scope.names.at(-1) === `out_${id}`) input['own'] = `{{ .out_${id} }}`;
  for (const [i, pick] of shape.input.entries()) input[`u${i}`] = value(pick, scope);
  return {
    method: `POST /undo/${id}`,
    input,
    ...(shape.onUnknown ? { on_unknown: true } : {}),
    ...(shape.attempts ? { retry: { attempts: shape.attempts } } : {}),
  };
}

/** Writes sequences that do not see each other's names; what they make is in scope after them. */
function apart<T>(scope: Scope, parts: readonly T[], write: (part: T, inner: Scope) => JsonObject): JsonObject[] {
  const made: string[] = [];
  const written = parts.map((part) => {
    const inner: Scope = { ...scope, names: [...scope.names] };
    const result = write(part, inner);
    made.push(...inner.names.slice(scope.names.length));
    return result;
  });
  scope.names.push(...made);
  return written;
}

function whenOf(pick: Pick | null, scope: Scope): JsonObject {
  return pick ? { when: `{{ ${conditionText(pick, scope)} }}` } : {};
}

// ---- templates

/** A name in scope, the newest for 0, so that data flows along; the input where there is none. */
function root(scope: Scope, n: number): string {
  const all = [...scope.names].reverse();
  if (scope.inForeach) all.splice(1, 0, 'item');
  return `.${all[n % Math.max(all.length, 1)] ?? 'input'}`;
}

function value({ form, first, second }: Pick, scope: Scope): Json {
  const one = root(scope, first);
  const two = root(scope, second);
  const forms: Json[] = [
    `{{ ${one} }}`,
    `{{ ${one}.id }}`,
    `{{ ${one}.n + ${second} }}`,
    `a {{ ${one}.id }} b {{ ${two}.n }}`,
    { whole: `{{ ${one} }}`, [`k${second}`]: [`{{ ${two}.list }}`, second] },
    `{{ .input.text }}`,
    `{{ len(${one}.list) }}`,
    `{{ ${one}.ok ? ${two}.id : "no" }}`,
    `{{ ${one}.missing.more | default "none" }}`,
    `{{ ${one}.list[${second - 3}] }}`,
    `{{ .input.deep.a.b }}`,
    scope.inForeach ? '{{ .index * 2 }}' : `{{ .workflow.name }}`,
    `{{ {"a": ${one}.id, "b": [${two}.n, ${two}.id]} }}`,
    `{{ upper(${one}.id) == ${two}.id }}`,
    'plain text with ${Name} and {% code %}',
    `{{ coalesce(${one}.nothing, ${two}.n, 5) }}`,
  ];
  return forms[form % forms.length] ?? null;
}

function conditionText({ form, first, second }: Pick, scope: Scope): string {
  const one = root(scope, first);
  const forms = [
    'true',
    `${one}.ok`,
    `${one}.n > ${second}`,
    `${one}.id != null`,
    `${one} == null`,
    `len(${one}.list) >= ${second % 3}`,
    `${one}.n % 2 == 0 || .input.flag`,
    `!${one}.ok && .input.n == 3`,
    'false',
  ];
  return forms[form % forms.length] ?? 'true';
}

function listText({ form, first }: Pick, scope: Scope): string {
  const one = root(scope, first);
  const forms = [
    '.input.list',
    `${one}.list`,
    `[${one}.id, 2, {"n": 3, "list": [1]}]`,
    '.input.one',
    '.input.empty',
    '.input.nothing',
    'range(1, 4)',
    '.input.list',
  ];
  return forms[form % forms.length] ?? '.input.list';
}
