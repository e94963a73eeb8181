import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { samplesOf } from '../../cli/prove/sample.ts';
import { stepAt, stepsOf } from '../../cli/scenario/step-places.ts';
import { createVirtualClock, simulate } from '../../local/simulate/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import type { Json } from '../../shared/json.ts';
import { parseWorkflow, type Workflow } from '../../shared/workflow/index.ts';
import { interpret } from '../reference/interpreter.ts';
import { countTransitions } from './count-transitions.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const START_MS = Date.UTC(2026, 0, 1);
const EXAMPLES = globSync('examples/*/workflow.yaml', { cwd: ROOT }).sort();

const CASES: [name: string, steps: string][] = [
  ['calls in a row', '[{id: a, service: s, method: POST /a}, {id: b, service: s, method: POST /b}]'],
  [
    'a call with when that is skipped at the end',
    '[{id: a, service: s, method: POST /a}, {id: b, when: "false", service: s, method: POST /b}]',
  ],
  [
    'a parallel block with nothing to undo',
    '[{id: p, parallel: [{id: a, service: s, method: POST /a}, {id: b, service: s, method: POST /b}]}, {id: c, service: s, method: POST /c}]',
  ],
  [
    'a parallel block that settles',
    '[{id: p, parallel: [{id: a, service: s, method: POST /a, compensate: {method: POST /u}}, {when: "false", steps: [{id: b, service: s, method: POST /b}]}]}]',
  ],
  [
    'a foreach in a foreach',
    '[{id: f, foreach: "{{ [1, 2, 3] }}", as: x, steps: [{id: g, foreach: "{{ [.x, 5] }}", as: y, steps: [{id: a, service: s, method: POST /a, input: {x: "{{ .x }}", y: "{{ .y }}"}}]}]}]',
  ],
  [
    'sets that fold into the call before them',
    '[{id: a, service: s, method: POST /a, output: o}, {id: t, set: {x: "{{ .o }}"}}, {id: u, set: {y: 2}}, {id: v, set: {z: "{{ .x }}"}}]',
  ],
  ['sets alone, and one with when', '[{id: t, set: {x: 1}}, {id: u, when: ".x == 1", set: {y: 2}}]'],
  [
    'a switch with a case, and one without',
    '[{id: w, switch: [{when: "false", steps: [{id: a, service: s, method: POST /a}]}, {when: "true", steps: [{id: b, service: s, method: POST /b}]}]}, {id: v, switch: [{when: "false", steps: [{id: c, service: s, method: POST /c}]}]}]',
  ],
  ['waits before a call and at the end', '[{id: v, wait: 1s}, {id: a, service: s, method: POST /a}, {id: w, wait: 2s}]'],
  ['a call that may be let go', '[{id: a, service: s, method: POST /a, on_error: continue}]'],
];

describe('happy-path transitions', () => {
  test.each(EXAMPLES)('%s makes as many as the table says, and as the statistics allow', async (file) => {
    const workflow = parsed(readFileSync(path.join(ROOT, file), 'utf8'));
    const { transitions, expected } = await both(workflow);
    expect(transitions).toBe(expected);
    const { min, max } = compile(workflow).stats.transitions;
    expect(transitions).toBeGreaterThanOrEqual(min);
    if (max !== null) expect(transitions).toBeLessThanOrEqual(max);
  });

  test('there are examples', () => {
    expect(EXAMPLES.length).toBeGreaterThanOrEqual(6);
  });

  test.each(CASES)('%s: as many as the table says', async (_, steps) => {
    const workflow = parsed(`{name: counted, version: "1", services: {s: {type: http, endpoint: "http://s.test"}}, steps: ${steps}}`);
    const { transitions, expected } = await both(workflow);
    expect(transitions).toBe(expected);
  });
});

/** The transitions of a run without a failure in the engine, and by the table. */
async function both(workflow: Workflow): Promise<{ transitions: number; expected: number }> {
  const samples = samplesOf(workflow, START_MS);
  const answer = (place: string, step: string): Json => {
    const found = stepAt(stepsOf(workflow), place);
    return samples.answer(found?.kind === 'call' ? found.output : null, step);
  };
  const simulation = await simulate({
    workflow,
    input: samples.input,
    startMs: START_MS,
    mock: ({ place, step }) => ({ outcome: { outcome: 'done', value: answer(place, step) }, takesMs: 10 }),
  });
  expect(simulation.status).toBe('completed');
  const facts = new Map<string, number | null>();
  const clock = createVirtualClock(START_MS);
  const run = interpret(workflow, samples.input, {
    clock,
    children: new Map(),
    calls: [],
    jitter: 0.5,
    answer: ({ place, step }) => ({ outcome: 'done', value: answer(place, step), takesMs: 10 }),
    onStep: (place, fact) => facts.set(place, fact),
  });
  expect((await clock.run(run)).output).toEqual(simulation.output);
  return { transitions: simulation.transitions, expected: countTransitions(workflow, facts) };
}

function parsed(text: string): Workflow {
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'counted.yaml' });
  if (!workflow) throw new Error(diagnostics.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return workflow;
}
