// How paths are read in a frame: the bridge between the author's names and JSONata.

import type { Json } from '../json.ts';
import type { Expr, PathStep, Step, Template, Workflow } from '../workflow/index.ts';
import { type Analysis, eachPath } from './analyse.ts';
import type { Exit, Lowered } from './exit.ts';
import type { Scope } from './expression/index.ts';
import { expressionCode, jsonataString } from './expression/index.ts';
import type { Frame, Place, Reading, VariableNames } from './frame.ts';
import { placeCode } from './frame.ts';
import type { Substitutions } from './needs.ts';
import { expression, INPUT_CODE, RUN_ID_CODE, START_TIME_CODE, uuidCode, WHOLE_INPUT_CODE } from './runtime-code.ts';
import type { SharedValues } from './shared-values.ts';

/** What stays the same over one compile. */
export interface Context {
  workflow: Workflow;
  analysis: Analysis;
  variables: VariableNames;
  substitutions: Substitutions;
  /** FileDescriptorSets of `proto` services, base64, by service name. */
  protos: { readonly [service: string]: string };
  /** What the machine's first state assigns so that later messages are short: the run's reference and the services. */
  shared: SharedValues;
  /** The variable that holds the failure while the machine undoes. */
  failure: string;
  children: ReadonlyMap<string, Workflow>;
  /** Blocks and switches lower the sequences inside them through this. */
  lowerSequence: (context: Context, frame: Frame, steps: readonly Step[], place: Place, exit: Exit, firstNumber?: number) => Lowered;
}

export type Overrides = ReadonlyMap<string, Reading>;

type PathExpr = Extract<Expr, { kind: 'path' }>;

/** The scope of the step at `place`; `overrides` are names whose new values the same state only makes. */
export function scopeOf(context: Context, frame: Frame, place: Place, overrides: Overrides = new Map()): Scope {
  let uuids = 0;
  return {
    root: (path) => readRoot(context, frame, overrides, path),
    uuid: () => uuidCode(placeCode(place), ++uuids),
  };
}

function readRoot(
  context: Context,
  frame: Frame,
  overrides: Overrides,
  path: PathExpr,
): { code: string; steps: PathStep[]; total?: boolean } {
  const known = overrides.get(path.root) ?? frame.names.get(path.root);
  if (known) return { code: known.code, steps: path.steps, total: known.total };
  const [first, ...rest] = path.steps;
  const name = first?.kind === 'name' ? first.name : null;
  switch (path.root) {
    case 'input':
      if (name === '$maestro') return { code: 'null', steps: rest, total: true };
      return name === null
        ? { code: WHOLE_INPUT_CODE, steps: path.steps, total: true }
        : { code: INPUT_CODE, steps: path.steps, total: true };
    case 'run':
      if (name === 'id') return { code: RUN_ID_CODE, steps: rest, total: true };
      if (name === 'started_at') return { code: START_TIME_CODE, steps: rest, total: true };
      return { code: 'null', steps: rest, total: true };
    case 'workflow':
      if (name === 'name') return { code: jsonataString(context.workflow.name), steps: rest, total: true };
      if (name === 'version') return { code: jsonataString(context.workflow.version), steps: rest, total: true };
      return { code: 'null', steps: rest, total: true };
    case 'timestamp':
      return { code: START_TIME_CODE, steps: path.steps, total: true };
    case 'execution_time':
      return { code: `($millis() - $toMillis(${START_TIME_CODE}))`, steps: path.steps, total: true };
    default:
      // A name that is not made where it is read: the checker has told the author; null is what the language says.
      return { code: 'null', steps: [], total: true };
  }
}

/**
 * The scope of an undo request: the step's own output is `$o`, `.error` is `$e`; everything else is bound, resolved now, in `bind`.
 * After generating code with it, `used` tells whether the leaf has to wait (own output or error) and for what.
 */
export interface LateScope extends Scope {
  used: { output: boolean; error: boolean; bind: { [name: string]: Json } };
}

export function lateScope(context: Context, frame: Frame, place: Place, ownOutput: string | null): LateScope {
  const now = scopeOf(context, frame, place);
  const used: LateScope['used'] = { output: false, error: false, bind: {} };
  const bound = new Map<string, string>();
  const bind = (code: string): string => {
    let variable = bound.get(code);
    if (variable === undefined) {
      variable = `b${bound.size}`;
      bound.set(code, variable);
      used.bind[variable] = expression(code);
    }
    return `$${variable}`;
  };
  return {
    used,
    root(path) {
      if (path.root === ownOutput) {
        used.output = true;
        return { code: '$o', steps: path.steps };
      }
      if (path.root === 'error') {
        used.error = true;
        return { code: '$e', steps: path.steps };
      }
      const split = path.steps.findIndex((step) => step.kind === 'index');
      const fixed = split < 0 ? path.steps : path.steps.slice(0, split);
      const code = expressionCode({ ...path, steps: fixed }, now);
      return { code: bind(code), steps: split < 0 ? [] : path.steps.slice(split), total: true };
    },
    uuid: () => bind(now.uuid()),
  };
}

/** True when a template reads something that is known only after the call. */
export function isLate(template: Template, ownOutput: string | null): boolean {
  switch (template.kind) {
    case 'literal':
      return false;
    case 'expr':
      return readsLate(template.expr, ownOutput);
    case 'text':
      return template.parts.some((part) => typeof part !== 'string' && readsLate(part, ownOutput));
    case 'list':
      return template.items.some((item) => isLate(item, ownOutput));
    case 'object':
      return template.entries.some(([, value]) => isLate(value, ownOutput));
  }
}

/** True when an expression reads the step's own output or `.error`. */
export function readsLate(expr: Expr, ownOutput: string | null): boolean {
  let late = false;
  eachPath(expr, (root) => {
    if (root === 'error' || root === ownOutput) late = true;
  });
  return late;
}

/** The service that a call names; the checker has made sure that it exists. */
export function serviceOf(context: Context, name: string): Context['workflow']['services'][string] {
  const service = Object.hasOwn(context.workflow.services, name) ? context.workflow.services[name] : undefined;
  if (!service) throw new Error(`service "${name}" is not declared: the checker must refuse this file`);
  return service;
}

/** `FunctionName` of the step function's tasks. */
export function stepFunction(context: Context): Json {
  return context.shared.stepFunction(context.substitutions.placeholder('step'));
}
