// Random workflows, first as shapes: what kind of steps, nested how, with which picks. A shape knows no names, so that fast-check can take any
// part of it away; `write-workflow.ts` gives it names and makes a file of it.

import fc from 'fast-check';

/** Chooses something among what is in scope; any numbers mean something everywhere. */
export interface Pick {
  form: number;
  first: number;
  second: number;
}

export interface UndoShape {
  onUnknown: boolean;
  attempts: number | null;
  input: Pick[];
}

interface Common {
  when: Pick | null;
}

export type StepShape = Common &
  (
    | { kind: 'call'; letGo: boolean; attempts: number; output: boolean; select: boolean; input: Pick[]; undo: UndoShape | null }
    | { kind: 'parallel'; letGo: boolean; branches: { when: Pick | null; steps: StepShape[] }[] }
    | { kind: 'foreach'; letGo: boolean; items: Pick; concurrency: number; output: boolean; steps: StepShape[] }
    | { kind: 'switch'; letGo: boolean; cases: { when: Pick; steps: StepShape[] }[]; otherwise: StepShape[] | null }
    | { kind: 'set'; values: Pick[] }
    | { kind: 'wait'; seconds: number }
    | { kind: 'fail' }
    | { kind: 'workflow'; child: number; letGo: boolean; output: boolean; input: Pick; undo: UndoShape | null }
  );

export interface FileShape {
  steps: StepShape[];
  output: Pick[] | null;
}

/** How one call ends, try after try; the last entry stands for all later tries. */
export type Ending = 'done' | 'rejected' | 'conflict' | 'unavailable' | 'broken' | 'timeout';
export type Script = Ending[];

/** A case of the property: a workflow, the workflows that it may start, and what the services do. */
export interface Case {
  main: FileShape;
  children: FileShape[];
  /** Each call takes one of these, by a hash of which call it is. */
  scripts: Script[];
  undoScripts: Script[];
  seed: number;
}

const pick: fc.Arbitrary<Pick> = fc.record({ form: fc.nat(15), first: fc.nat(9), second: fc.nat(9) });
const maybe = <T>(one: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | null> => fc.option(one, { nil: null, freq });
const rarely: fc.Arbitrary<boolean> = fc.nat(4).map((n) => n === 4);

const undo: fc.Arbitrary<UndoShape> = fc.record({
  onUnknown: fc.boolean(),
  attempts: maybe(fc.integer({ min: 1, max: 3 }), 1),
  input: fc.array(pick, { maxLength: 2 }),
});

const when = fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: pick });

const call: fc.Arbitrary<StepShape> = fc.record({
  kind: fc.constant('call' as const),
  when,
  letGo: rarely,
  attempts: fc.integer({ min: 1, max: 3 }),
  output: fc.boolean().map((no) => !no),
  select: rarely,
  input: fc.array(pick, { maxLength: 3 }),
  undo: maybe(undo, 2),
});

function steps(depth: number, withChildren: boolean): fc.Arbitrary<StepShape[]> {
  return fc.array(step(depth, withChildren), { minLength: 1, maxLength: depth > 1 ? 4 : 3 });
}

function step(depth: number, withChildren: boolean): fc.Arbitrary<StepShape> {
  const kinds: { weight: number; arbitrary: fc.Arbitrary<StepShape> }[] = [
    { weight: 8, arbitrary: call },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('set' as const), when, values: fc.array(pick, { minLength: 1, maxLength: 2 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), when, seconds: fc.integer({ min: 1, max: 50 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), when }) },
  ];
  if (withChildren) {
    kinds.push({
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('workflow' as const),
        when,
        child: fc.nat(1),
        letGo: rarely,
        output: fc.boolean(),
        input: pick,
        undo: maybe(undo, 1),
      }),
    });
  }
  if (depth > 0) {
    const inner = steps(depth - 1, withChildren);
    kinds.push(
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('parallel' as const),
          when,
          letGo: rarely,
          branches: fc.array(fc.record({ when, steps: inner }), { minLength: 1, maxLength: 3 }),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('foreach' as const),
          when,
          letGo: rarely,
          items: pick,
          concurrency: fc.integer({ min: 1, max: 3 }),
          output: fc.boolean(),
          steps: inner,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('switch' as const),
          when,
          letGo: fc.constant(false),
          cases: fc.array(fc.record({ when: pick, steps: inner }), { minLength: 1, maxLength: 2 }),
          otherwise: maybe(inner, 2),
        }),
      },
    );
  }
  return fc.oneof({ withCrossShrink: true }, ...kinds);
}

const file = (depth: number, withChildren: boolean): fc.Arbitrary<FileShape> =>
  fc.record({ steps: steps(depth, withChildren), output: maybe(fc.array(pick, { maxLength: 3 }), 2) });

const script = (trouble: number): fc.Arbitrary<Script> =>
  fc.oneof(
    { withCrossShrink: true },
    { weight: 10 - trouble, arbitrary: fc.constant<Script>(['done']) },
    {
      weight: trouble,
      arbitrary: fc.array(fc.constantFrom<Ending>('done', 'rejected', 'conflict', 'unavailable', 'broken', 'timeout'), {
        minLength: 1,
        maxLength: 3,
      }),
    },
  );

/** Random cases. */
export const cases: fc.Arbitrary<Case> = fc.record({
  main: file(2, true),
  children: fc.tuple(file(1, false), file(1, false)).map(([one, two]) => [one, two]),
  scripts: fc.array(script(3), { minLength: 1, maxLength: 12 }),
  undoScripts: fc.array(script(2), { minLength: 1, maxLength: 6 }),
  seed: fc.nat(999_999),
});
