// Random workflows (nested blocks, conditions, sub-workflows) that fail at a random request, and are retried.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MockRequest } from '../../local/simulate/index.ts';
import type { Json } from '../../shared/json.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from '../orchestrate/world.ts';
import { servicesOf } from '../property/outcomes.ts';
import { type Case, cases, type FileShape, type StepShape } from '../property/shapes.ts';
import { CHILD_NAMES, INPUT, writeWorkflow } from '../property/write-workflow.ts';
import { ok, rejected } from '../semantics/world.ts';

const CASES = Number(process.env['MAESTRO_PROPERTY_RUNS'] ?? 25);
/** Fixed, so that a failure can be had again. */
const SEED = 20_260_102;
/** Longer than any of the random services takes: what is in flight when a run fails has then ended. */
const SETTLED_MS = 21_000;

interface Made {
  world: ServiceWorld;
  /** From now on no request fails. */
  mend(): void;
}

describe('random workflows that fail at a random request', () => {
  test(
    'are retried with exactly the requests that were not done, and end as if nothing had failed',
    async () => {
      let retried = 0;
      let reused = 0;
      await fc.assert(
        fc.asyncProperty(cases.map(calm), fc.nat(11), async (one, fatal) => {
          const files = [writeWorkflow(one.main, 'main'), ...one.children.map((child, n) => writeWorkflow(child, CHILD_NAMES[n] ?? ''))];
          const whole = await undisturbed(files, one);
          if (whole.requests.length === 0) return;
          const { world, mend } = await open(files, one, fatal % whole.requests.length);
          try {
            const failed = await world.settled({ input: INPUT });
            await world.pass(SETTLED_MS);
            const first = world.calls.length;
            const done = await requestsOf(world, 0, first);
            expect(failed.status).toBe('failed');
            mend();

            const { runId } = await world.drive(world.service.retry(ME, SOURCE, failed.run_id));
            const again = await world.settle(runId);

            expect(again).toMatchObject({ status: 'completed', output: whole.output });
            expect((await world.record(runId)).reuse).toBe(failed.run_id);
            const called = await requestsOf(world, first);
            expect(called.filter((request) => done.includes(request))).toEqual([]);
            expect([...done, ...called].sort()).toEqual([...whole.requests].sort());
            retried++;
            reused += done.length;
          } finally {
            await world.close();
          }
        }),
        { numRuns: CASES, seed: SEED },
      );
      // Else the generator reached little.
      expect(retried).toBeGreaterThan(CASES / 3);
      expect(reused).toBeGreaterThan(CASES);
    },
    CASES * 1_000 + 30_000,
  );
});

/** What services are asked, and what comes out, when nothing fails. */
async function undisturbed(files: string[], one: Case): Promise<{ requests: string[]; output: Json }> {
  const { world } = await open(files, one, Number.POSITIVE_INFINITY);
  try {
    const { status, output } = await world.settled({ input: INPUT });
    expect(status).toBe('completed');
    return { requests: await requestsOf(world, 0), output };
  } finally {
    await world.close();
  }
}

async function open(files: string[], one: Case, fatal: number): Promise<Made> {
  const answer = servicesOf({ ...one, scripts: [['done']] });
  let down = true;
  let count = 0;
  const world = await createServiceWorld(files, {
    mock: ({ workflow, place, kind }: MockRequest) => {
      const { value = null, takesMs } = answer({ run: workflow, place, kind, attempt: 0 });
      return down && count++ === fatal ? rejected('no', takesMs) : ok(value, takesMs);
    },
  });
  return { world, mend: () => (down = false) };
}

/** Requests that were done: where they stand, from the first run down. */
async function requestsOf(world: ServiceWorld, from: number, to = Number.POSITIVE_INFINITY): Promise<string[]> {
  const requests: string[] = [];
  for (const { runId, place, ended } of world.calls.slice(from, to)) {
    if (ended === 'done') requests.push(`${await pathOf(world, runId)}${place}`);
  }
  return requests;
}

async function pathOf(world: ServiceWorld, runId: string): Promise<string> {
  const parent = (await world.record(runId)).link?.parent;
  return parent ? `${await pathOf(world, parent.run)}${parent.at}/` : '';
}

/** Without undos (what was undone is done again), and without what fails by itself or is let go. */
function calm(one: Case): Case {
  const file = ({ steps, output }: FileShape): FileShape => ({ steps: steps.map(calmStep), output });
  return { ...one, main: file(one.main), children: one.children.map(file) };
}

function calmStep(step: StepShape): StepShape {
  switch (step.kind) {
    case 'call':
    case 'workflow':
      return { ...step, letGo: false, undo: null };
    case 'parallel':
      return { ...step, letGo: false, branches: step.branches.map(({ when, steps }) => ({ when, steps: steps.map(calmStep) })) };
    case 'foreach':
      return { ...step, letGo: false, steps: step.steps.map(calmStep) };
    case 'switch':
      return {
        ...step,
        cases: step.cases.map(({ when, steps }) => ({ when, steps: steps.map(calmStep) })),
        otherwise: step.otherwise?.map(calmStep) ?? null,
      };
    case 'fail':
      return { kind: 'wait', when: step.when, seconds: 1 };
    case 'set':
    case 'wait':
      return step;
  }
}
