// Workflow → Amazon States Language. Pure and deterministic: the same file gives the same bytes.
//
// The passes: analyse (what settles, what is read, what can be undone) → lower the steps from the last to the first → draw the undo
// chain → the same chain as a machine of its own → count.

import type { Json, JsonObject } from '../json.ts';
import { MESSAGE_VERSION } from '../protocol/step-message.ts';
import { type Diagnostic, topLevelOutputs, type Workflow } from '../workflow/index.ts';
import { analyse } from './analyse.ts';
import { type AslState, addAssign, type NamedState, statesObject } from './asl.ts';
import { type Exit, leave } from './exit.ts';
import { templateValue, wrap } from './expression/index.ts';
import { declareNames, type Frame, rootFrame, VariableNames } from './frame.ts';
import { limitIssues } from './limit-issues.ts';
import { longestUndoSeconds } from './limits.ts';
import { lowerSequence } from './lower-sequence.ts';
import { Substitutions } from './needs.ts';
import { reachableOnly } from './reachable.ts';
import { expression } from './runtime-code.ts';
import { type Context, type Overrides, scopeOf, stepFunction } from './scope.ts';
import { SharedValues } from './shared-values.ts';
import { type Stats, statsOf } from './stats.ts';
import type { Substitution } from './substitute.ts';
import { chainStart, failedState, handedIn, ownChain, undoChain } from './undo-chain.ts';

export interface CompileOptions {
  /** FileDescriptorSets of services with a `proto` file, base64, by service name. */
  protos?: { readonly [service: string]: string };
  /** Workflows that `workflow` steps run, where they are known: their deadlines then bound the waiting for them. */
  children?: readonly Workflow[];
}

/** What a definition calls. */
export interface Needs {
  /** Placeholder name → what has to be put in its place. */
  substitutions: { [placeholder: string]: Substitution };
  /** Paths of the run's input that states read: what has to stand beside the reference when the input is stored. `[]` among them: all of it. */
  inputPaths: string[][];
}

export interface CompileResult {
  /** The state machine `<name>`. Placeholders `${Name}` are in `needs`. */
  definition: JsonObject;
  /** The state machine `<name>-undo`; null where nothing can be undone. */
  undoDefinition: JsonObject | null;
  stats: Stats;
  needs: Needs;
  /** Limits of AWS that the file goes beyond (errors) or comes near to. */
  diagnostics: LimitIssue[];
}

/** A diagnostic without its position in lines, which needs the text: `locateDiagnostics` of shared/workflow adds it. */
export type LimitIssue = Pick<Diagnostic, 'code' | 'severity' | 'message' | 'hint' | 'span' | 'path'>;

const DONE = '(done)';
const END = '(end)';

/**
 * Compiles a checked workflow.
 * @param checked what `parseWorkflow` gave without errors
 * @returns definition, undo definition, statistics, needs and diagnostics; never throws on a checked workflow
 */
export function compile(checked: Workflow, options: CompileOptions = {}): CompileResult {
  const workflow = reachableOnly(checked);
  const outputs = topLevelOutputs(checked);
  const variables = new VariableNames();
  const context: Context = {
    workflow,
    analysis: analyse(workflow),
    variables,
    substitutions: new Substitutions(),
    protos: options.protos ?? {},
    failure: variables.take('failure'),
    lowerSequence,
    shared: new SharedValues(variables),
    children: new Map((options.children ?? []).map((child) => [child.name, child])),
  };
  const frame = rootFrame(context.analysis);
  declareNames(frame, workflow.steps, variables, context.analysis, '');
  const done = usedState();
  const exit: Exit = {
    kind: 'end',
    output: (overrides) => outputValue(context, frame, overrides, outputs),
    through: workflow.execution === 'express' ? () => END : done.use,
    terminal: workflow.execution !== 'express',
  };
  const body = lowerSequence(context, frame, workflow.steps, [], exit);
  const states: NamedState[] = [...body.states];
  if (done.used()) states.push([DONE, { Type: 'Succeed' }]);
  if (workflow.execution === 'express') states.push([END, endState(context)]);
  if (context.analysis.hasChain) states.push(...undoChain(context, ownChain(context)));
  else if (needsFailed(states)) states.push(failedState(context));
  addPrelude(body.enter, states, context.shared.assign());
  const definition = machine(context, body.enter, states, backstopSeconds(workflow));
  const undoDefinition = context.analysis.hasChain ? undoMachine(context) : null;
  const stats = statsOf(definition);
  return {
    definition,
    undoDefinition,
    stats,
    needs: { substitutions: context.substitutions.toJSON(), inputPaths: [...(context.analysis.reads.get('input') ?? [])] },
    diagnostics: limitIssues(workflow, stats),
  };
}

/** The first state assigns what later messages share; every step has a state that can. */
function addPrelude(enter: Exit, states: readonly NamedState[], assign: JsonObject): void {
  if (enter.kind !== 'goto' || Object.keys(assign).length === 0) return;
  const first = states.find(([name]) => name === enter.state)?.[1];
  if (first) addAssign(first, assign);
}

function machine(context: Context, enter: Exit, states: NamedState[], timeoutSeconds: number): JsonObject {
  let start: string;
  if (enter.kind === 'goto') start = enter.state;
  else {
    // Every step was folded away: one Pass shows the output.
    start = '(output)';
    const pass: AslState = { Type: 'Pass' };
    leave(pass, enter);
    states.unshift([start, pass]);
  }
  const { workflow } = context;
  return {
    Comment: `${workflow.name} ${workflow.version.replaceAll('${', '$ {')} (compiled by Maestro)`,
    QueryLanguage: 'JSONata',
    TimeoutSeconds: timeoutSeconds,
    StartAt: start,
    States: statesObject(states),
  };
}

function undoMachine(context: Context): JsonObject {
  const { workflow } = context;
  return {
    Comment: `undo of ${workflow.name} ${workflow.version.replaceAll('${', '$ {')} (compiled by Maestro)`,
    QueryLanguage: 'JSONata',
    TimeoutSeconds: Math.max(60, longestUndoSeconds(workflow)),
    StartAt: chainStart(context),
    States: statesObject(undoChain(context, handedIn(context))),
  };
}

/** The step function keeps the deadline; the machine's own limit ends a run without undoing anything, so it is far behind. */
function backstopSeconds(workflow: Workflow): number {
  const seconds = Math.ceil(workflow.timeoutMs / 1000) + longestUndoSeconds(workflow) + 15 * 60;
  return workflow.execution === 'express' ? 300 : Math.min(31_536_000, seconds);
}

/** The run's result as the last state shows it. */
function outputValue(context: Context, frame: Frame, overrides: Overrides, outputs: readonly string[]): Json {
  const { workflow } = context;
  const scope = scopeOf(context, frame, [], overrides);
  if (workflow.output) return templateValue(workflow.output, scope);
  const span = { start: 0, end: 0 };
  const entries = outputs.map((name): [string, NonNullable<Workflow['output']>] => [
    name,
    { kind: 'expr', span, expr: { kind: 'path', root: name, steps: [], span } },
  ]);
  return templateValue({ kind: 'object', entries, span }, scope);
}

/** The last call of an Express run: nothing else would tell that it ended. */
function endState(context: Context): AslState {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    TimeoutSeconds: 60,
    Arguments: {
      FunctionName: stepFunction(context),
      Payload: { v: MESSAGE_VERSION, op: 'end', run: context.shared.run(), output: expression('$states.input') },
    },
    Output: wrap('$states.input'),
    Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 3, BackoffRate: 2, JitterStrategy: 'FULL' }],
    End: true,
  };
}

/** True when some state's failure goes to `(failed)`. */
function needsFailed(states: readonly NamedState[]): boolean {
  return states.some(([, state]) => JSON.stringify(state).includes('"Next":"(failed)"'));
}

function usedState(): { use: () => string; used: () => boolean } {
  let used = false;
  return {
    use: () => {
      used = true;
      return DONE;
    },
    used: () => used,
  };
}
