// What a run of a workflow comes to, told straight from the language's text: no JSONata, no definition, no store. It is the other half of the
// property tests: what the compiler, the step function and the engine do together has to equal what is written here.
//
//   R1. It walks the Workflow as a reader does. A step waits for its call on a virtual clock, so the order of concurrent calls is the real one.
//   R2. Every answer of a service comes from `answer`, a pure function of which call it is; the same function drives the system under test.
//   R3. It keeps no record but a list of what was performed (`Performed`), in file order, and undoes that list from its end.

import { sleep } from '../../shared/clock.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { itemPlace, stepPlace } from '../../shared/protocol/place.ts';
import type {
  CallStep,
  Compensate,
  Expr,
  ForeachStep,
  ParallelStep,
  Retry,
  Step,
  SwitchStep,
  TextPart,
  Workflow,
  WorkflowStep,
} from '../../shared/workflow/model.ts';
import { evaluateCondition, evaluateExpr, evaluateTemplate, evaluateText } from './evaluate.ts';
import {
  CutOff,
  errorValue,
  Failure,
  failureOf,
  namesOf,
  outputNames,
  pauseMs,
  RECKONED,
  RETRYABLE,
  selected,
  UNDO_RETRY,
} from './rules.ts';
import { blockSettles } from './settling.ts';
import type { Answer, ReferenceCall, ReferenceOptions, ReferenceResult } from './types.ts';

type Names = Map<string, Json>;

/** A parallel block or foreach that is running. */
interface Block {
  settles: boolean;
  /** A call in it failed for good: calls that have not begun are refused. */
  stopped: boolean;
  /** It does not settle and has failed: nothing in it goes on. */
  cut: boolean;
}

interface Surroundings {
  names: Names;
  place: string;
  blocks: Block[];
  /** The blocks that a failure for good in here stops. */
  stops: Block[];
}

/** A step that was performed, or may have been, and what it takes to undo it. */
interface Performed {
  place: string;
  step: string;
  unknown: boolean;
  onUnknown: boolean;
  undo: ((error: Json) => Promise<'undone' | 'left' | 'nothing'>) | null;
}

/**
 * Runs a workflow.
 * @returns when the run has ended, undo included; the clock that is given has to be driven meanwhile
 */
export async function interpret(workflow: Workflow, input: Json, options: ReferenceOptions): Promise<ReferenceResult> {
  return new Run(workflow, input, options, '').toItsEnd();
}

class Run {
  readonly #workflow: Workflow;
  readonly #options: ReferenceOptions;
  /** Places of `workflow` steps from the first run to this one, joined with `/`. */
  readonly #path: string;
  readonly #performed: Performed[] = [];
  readonly #irreversible: string[] = [];
  readonly #base: Names;
  readonly undone: string[] = [];
  readonly left: string[] = [];
  readonly unresolved: string[] = [];

  constructor(workflow: Workflow, input: Json, options: ReferenceOptions, path: string) {
    this.#workflow = workflow;
    this.#options = options;
    this.#path = path;
    this.#base = new Map<string, Json>([
      ['input', input],
      ['workflow', { name: workflow.name, version: workflow.version }],
    ]);
  }

  async toItsEnd(): Promise<ReferenceResult> {
    const names = new Map(this.#base);
    try {
      await this.#sequence(this.#workflow.steps, { names, place: '', blocks: [], stops: [] });
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      const status = await this.undo(failure);
      return this.#result(status, null, { step: failure.step, error: failure.error });
    }
    return this.#result('completed', this.#output(names), null);
  }

  #result(status: ReferenceResult['status'], output: Json, error: ReferenceResult['error']): ReferenceResult {
    const { undone, left, unresolved } = this;
    return { status, output, error, undone, left, unresolved, irreversible: this.#irreversible };
  }

  #output(names: Names): Json {
    if (this.#workflow.output) return evaluateTemplate(this.#workflow.output, names);
    const output: JsonObject = {};
    for (const name of outputNames(this.#workflow.steps)) output[name] = names.get(name) ?? null;
    return output;
  }

  // ---- undo

  /** Undoes what was performed, last first, and gives the status that the run ends with. */
  async undo(failure: Failure): Promise<Exclude<ReferenceResult['status'], 'completed'>> {
    const error = errorValue(failure);
    const inOrder = [...this.#performed].sort((a, b) => (a.place < b.place ? 1 : -1));
    for (const one of inOrder) {
      if (!one.undo) continue;
      if (one.unknown && !one.onUnknown) {
        this.unresolved.push(one.place);
        continue;
      }
      const how = await one.undo(error);
      if (how === 'undone') this.undone.push(one.place);
      if (how === 'left') this.left.push(one.place);
    }
    if (this.left.length + this.unresolved.length > 0) return 'compensation_failed';
    return this.undone.length > 0 ? 'compensated' : 'failed';
  }

  // ---- sequences and blocks

  /** Runs steps one after the other. Gives the last one's result. */
  async #sequence(steps: readonly Step[], around: Surroundings): Promise<Json> {
    let result: Json = null;
    for (const [i, step] of steps.entries()) {
      if (around.blocks.some((block) => block.cut)) throw new CutOff();
      result = await this.#step(step, { ...around, place: stepPlace(around.place, i + 1) });
    }
    return result;
  }

  async #step(step: Step, at: Surroundings): Promise<Json> {
    if (step.when && !evaluateCondition(step.when, at.names)) {
      for (const name of namesOf(step)) at.names.set(name, null);
      this.#options.onStep?.(at.place, null, this.#path);
      return null;
    }
    if (step.kind !== 'foreach' && step.kind !== 'switch') this.#options.onStep?.(at.place, 1, this.#path);
    if (step.irreversible) this.#irreversible.push(at.place);
    switch (step.kind) {
      case 'call':
        return this.#named(step.output, at.names, await this.#letGo(step, step.default, () => this.#call(step, at)));
      case 'workflow':
        return this.#named(step.output, at.names, await this.#letGo(step, step.default, () => this.#child(step, at)));
      case 'parallel':
        return this.#parallel(step, at);
      case 'foreach':
        return this.#foreach(step, at);
      case 'switch':
        return this.#switch(step, at);
      case 'wait':
        return this.#wait(step.waitMs, step.until, step.id, at);
      case 'set':
        for (const [name, value] of step.values) at.names.set(name, evaluateTemplate(value, at.names));
        return null;
      case 'emit':
        return null;
      case 'fail':
        throw new Failure(step.id, step.error);
      case 'checkpoint':
        throw new Error('The reference has no people to ask.');
    }
  }

  #named(output: string | null, names: Names, value: Json): Json {
    if (output !== null) names.set(output, value);
    return value;
  }

  /** `on_error: continue` on a step: its failure gives `value`. Nothing lets go of a stop. */
  async #letGo(step: Step, value: Json, run: () => Promise<Json>): Promise<Json> {
    try {
      return await run();
    } catch (failure) {
      if (step.onError === 'continue' && failure instanceof Failure && failure.error !== 'Maestro.Stopped') return value;
      throw failure;
    }
  }

  async #parallel(step: ParallelStep, at: Surroundings): Promise<Json> {
    const block = this.#block(step);
    const inside = step.branches.map((branch) => ({ branch, names: new Map(at.names) }));
    try {
      await this.#together(
        step,
        at,
        block,
        inside.map(({ branch, names }, i) => async () => {
          if (branch.when && !evaluateCondition(branch.when, names)) {
            this.#options.onStep?.(stepPlace(at.place, i + 1), null, this.#path);
            return null;
          }
          return this.#sequence(branch.steps, { ...this.#within(step, block, at), names, place: stepPlace(at.place, i + 1) });
        }),
        step.branches.length,
      );
    } finally {
      // What a branch made before it failed is there for whoever goes on.
      for (const { branch, names } of inside) for (const name of branch.steps.flatMap(namesOf)) at.names.set(name, names.get(name) ?? null);
    }
    return null;
  }

  async #foreach(step: ForeachStep, at: Surroundings): Promise<Json> {
    const items = evaluateExpr(step.items, at.names) ?? [];
    if (!Array.isArray(items)) throw new Failure(step.id, 'States.QueryEvaluationError');
    this.#options.onStep?.(at.place, items.length, this.#path);
    const block = this.#block(step);
    const results: Json[] = items.map(() => null);
    try {
      await this.#together(
        step,
        at,
        block,
        items.map((item, i) => async () => {
          const names = new Map(at.names);
          names.set(step.as, item);
          names.set('item', item);
          names.set('index', i);
          results[i] = await this.#sequence(step.steps, { ...this.#within(step, block, at), names, place: itemPlace(at.place, i) });
        }),
        step.concurrency,
      );
    } finally {
      // Null for an item that failed; whoever goes on after a failure sees what the others came to.
      this.#named(step.output, at.names, results);
    }
    return step.output === null ? null : results;
  }

  #block(step: ParallelStep | ForeachStep): Block {
    return { settles: blockSettles(this.#workflow, step), stopped: false, cut: false };
  }

  /** A block that lets failures go is not stopped by them, nor is one around it; else a failure stops every block that it will end. */
  #within(step: Step, block: Block, at: Surroundings): Surroundings {
    return { ...at, blocks: [...at.blocks, block], stops: step.onError === 'continue' ? [] : [...at.stops, block] };
  }

  /** All at once (at most `atOnce`), in list order. Throws the first failure in file order once the block is settled. */
  async #together(step: Step, at: Surroundings, block: Block, runs: (() => Promise<unknown>)[], atOnce: number): Promise<void> {
    const failures: (Failure | undefined)[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < runs.length; i = next++) {
        if (block.cut) return;
        try {
          await runs[i]?.();
        } catch (failure) {
          if (!(failure instanceof Failure)) throw failure;
          failures[i] = failure;
          if (!block.settles) {
            block.cut = true;
            this.#options.cuts?.push({ run: this.#path, place: at.place, atMs: this.#options.clock.now() });
            // Nobody but a reader of the run sees this one: there is nothing to undo. The platform tells the block, not the step in it.
            throw new Failure(step.id, failure.error);
          }
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(Math.max(atOnce, 1), Math.max(runs.length, 1)) }, worker));
    const all = failures.filter((failure) => failure !== undefined);
    const real = all.filter((failure) => failure.error !== 'Maestro.Stopped');
    const counted =
      step.onError === 'continue' ? all.filter((failure) => failure.error === 'Maestro.Stopped') : real.length > 0 ? real : all;
    const [first, ...others] = counted;
    if (first) throw new Failure(first.step, first.error, [...first.also, ...others]);
  }

  async #switch(step: SwitchStep, at: Surroundings): Promise<Json> {
    for (const [i, one] of step.cases.entries()) {
      if (one.when && !evaluateCondition(one.when, at.names)) continue;
      this.#options.onStep?.(at.place, i + 1, this.#path);
      return this.#sequence(one.steps, { ...at, place: stepPlace(at.place, i + 1) });
    }
    this.#options.onStep?.(at.place, 0, this.#path);
    return null;
  }

  async #wait(waitMs: number | null, until: Expr | null, id: string, at: Surroundings): Promise<Json> {
    const { clock } = this.#options;
    if (waitMs !== null) await sleep(clock, Math.ceil(waitMs / 1_000) * 1_000);
    if (until !== null) {
      const time = evaluateExpr(until, at.names);
      const untilMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
      if (Number.isNaN(untilMs)) throw new Failure(id, 'States.QueryEvaluationError');
      await sleep(clock, untilMs - clock.now());
    }
    if (at.blocks.some((block) => block.cut)) throw new CutOff();
    return null;
  }

  // ---- calls

  async #call(step: CallStep, at: Surroundings): Promise<Json> {
    const service = this.#workflow.services[step.service];
    if (!service) throw new Error(`no service ${step.service}`);
    const names = new Map(at.names);
    const call = { kind: 'do' as const, step: step.id, place: at.place, service: step.service, method: text(step.method?.text, names) };
    const input = step.input ? evaluateTemplate(step.input, names) : null;
    let unknown = false;
    const ended = await this.#tries({ ...call, input }, step.retry ?? service.retry, at.blocks, (answer) => {
      if (answer.outcome === 'unknown') unknown = true;
    });
    const performed = { place: at.place, step: step.id, onUnknown: step.compensate?.onUnknown ?? false };
    if (ended !== null && ended.outcome === 'done') {
      // Its undo sees the whole answer, whatever `select` keeps for later steps.
      const output = step.select ? selected(ended.value ?? null, step.select) : (ended.value ?? null);
      this.#performed.push({
        ...performed,
        unknown: false,
        undo: this.#undoOf(step, step.compensate, names, ended.value ?? null, at.place),
      });
      return output;
    }
    if (unknown) this.#performed.push({ ...performed, unknown, undo: this.#undoOf(step, step.compensate, names, null, at.place) });
    if (ended === null) throw new Failure(step.id, 'Maestro.Stopped');
    if (step.onError !== 'continue') for (const block of at.stops) block.stopped = true;
    throw new Failure(step.id, ended.error ?? 'Maestro.ServiceRejected');
  }

  /** Tries a call as often as it may be tried. The last answer, or null when it was refused because its block has stopped. */
  async #tries(
    call: Omit<ReferenceCall, 'workflow' | 'run' | 'attempt' | 'atMs'>,
    retry: Retry,
    blocks: Block[],
    seen: (answer: Answer) => void,
  ): Promise<Answer | null> {
    const { clock, answer, calls, jitter } = this.#options;
    for (let attempt = 0; ; attempt++) {
      if (blocks.some((block) => block.stopped)) return null;
      const request = { ...call, workflow: this.#workflow.name, run: this.#path, attempt, atMs: clock.now() };
      const given = answer(request);
      calls.push(request);
      await sleep(clock, given.takesMs);
      if (blocks.some((block) => block.cut)) throw new CutOff();
      seen(given);
      if (given.outcome === 'done' || !RETRYABLE.includes(given.error ?? '') || attempt + 1 >= retry.attempts) return given;
      await sleep(clock, jitter * pauseMs(retry, attempt));
      if (blocks.some((block) => block.cut)) throw new CutOff();
    }
  }

  #undoOf(step: Step, undo: Compensate | null, names: Names, output: Json, place: string): Performed['undo'] {
    if (!undo) return null;
    return async (error) => {
      const seen = new Map(names);
      if ('output' in step && step.output !== null) seen.set(step.output, output);
      seen.set('error', error);
      const call = { kind: 'undo' as const, step: step.id, place, service: undo.service, method: text(undo.method?.text, seen) };
      const input = undo.input ? evaluateTemplate(undo.input, seen) : null;
      const ended = await this.#tries({ ...call, input }, undo.retry ?? UNDO_RETRY, [], () => {});
      return ended?.outcome === 'done' ? 'undone' : 'left';
    };
  }

  // ---- child runs

  async #child(step: WorkflowStep, at: Surroundings): Promise<Json> {
    const workflow = this.#options.children.get(step.workflow);
    if (!workflow) throw new Error(`no workflow ${step.workflow}`);
    const names = new Map(at.names);
    const input = step.input ? evaluateTemplate(step.input, names) : {};
    const child = new Run(workflow, input, this.#options, this.#path === '' ? at.place : `${this.#path}/${at.place}`);
    const ended = await child.toItsEnd();
    if (at.blocks.some((block) => block.cut)) throw new CutOff();
    const own = step.compensate && this.#undoOf(step, step.compensate, names, ended.output, at.place);
    const undo = async (error: Json): Promise<'undone' | 'left' | 'nothing'> => {
      // A child that failed undid itself; that counts, for what it had done is undone.
      if (ended.status !== 'completed') return RECKONED[ended.status];
      return own ? own(error) : RECKONED[await child.undo(failureOf(error))];
    };
    this.#performed.push({ place: at.place, step: step.id, unknown: false, onUnknown: false, undo });
    if (ended.status === 'completed') return ended.output;
    throw new Failure(step.id, ended.error?.error ?? 'Maestro.Lost');
  }
}

function text(parts: TextPart[] | undefined, names: Names): string {
  return parts ? evaluateText(parts, names) : '';
}
