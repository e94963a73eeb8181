import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { judge } from '../../cli/prove/judge.ts';
import { FAILURES, type Proof, prove } from '../../cli/prove/prove.ts';
import { samplesOf } from '../../cli/prove/sample.ts';
import { calledNames, caseName, proofTable } from '../../cli/prove/table.ts';
import type { SimulatedCall, Simulation } from '../../local/simulate/index.ts';
import { parseWorkflow, validateInput, type Workflow } from '../../shared/workflow/index.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const SEEDS = path.join(ROOT, '..', 'shared', 'seeds', 'workflows');
const START_MS = Date.UTC(2026, 0, 1);

const FILES: [name: string, file: string][] = [
  ...globSync('examples/*/workflow.yaml', { cwd: ROOT }).map((file): [string, string] => [file, path.join(ROOT, file)]),
  ...(existsSync(SEEDS) ? globSync('*.yaml', { cwd: SEEDS }).map((file): [string, string] => [file, path.join(SEEDS, file)]) : []),
];

const SAGA = `
name: saga
version: "1"
services:
  bank: { type: http, endpoint: "http://bank.test", retry: { attempts: 2 } }
steps:
  - { id: book, service: bank, method: POST /book, output: booking, compensate: { method: "POST /unbook/{{ .booking.id }}" } }
  - { id: hold, service: bank, method: POST /hold, compensate: { method: POST /release, on_unknown: true } }
  - { id: pay, service: bank, method: POST /pay, input: { booking: "{{ .booking.id }}" } }
`;

describe('a proof', () => {
  test('has one case without a failure and one for each call and each way to fail', async () => {
    const { cases } = await proofOf(SAGA);
    expect(cases.map(caseName)).toEqual([
      'no failure',
      ...['book', 'hold', 'pay'].flatMap((step) => FAILURES.map((failure) => `${step} ${failure}`)),
    ]);
    expect(cases.every(({ verdict }) => verdict.ok)).toBe(true);
  });

  test('shows per case what was called, what was undone in which order, and how it ended', async () => {
    const proof = await proofOf(SAGA);
    const row = (name: string): unknown[] => {
      const found = proof.cases.find((one) => caseName(one) === name);
      if (!found) throw new Error(`no case ${name}`);
      const { calls, status } = found.simulation;
      return [calledNames(calls, 'do'), calledNames(calls, 'undo'), status];
    };
    expect(row('no failure')).toEqual([['book', 'hold', 'pay'], [], 'completed']);
    expect(row('book timed out')).toEqual([['book ×2'], [], 'compensation_failed']);
    expect(row('hold timed out')).toEqual([['book', 'hold ×2'], ['hold', 'book'], 'compensated']);
    expect(row('pay rejected')).toEqual([['book', 'hold', 'pay'], ['hold', 'book'], 'compensated']);
    expect(row('pay unavailable')).toEqual([['book', 'hold', 'pay ×2'], ['hold', 'book'], 'compensated']);
    expect(row('book rejected')).toEqual([['book'], [], 'failed']);
    expect(row('hold killed after')).toEqual([['book', 'hold ×2', 'pay'], [], 'completed']);
    const table = proofTable(proof, false);
    expect(table).toContain('unresolved: book');
    expect(table.split('\n')[0]).toMatch(/^failure +called +undone +status/);
  });

  test.each(FILES)('%s leaves nothing half done', async (_, file) => {
    const { cases } = await proofOf(readFileSync(file, 'utf8'));
    expect(cases.length).toBeGreaterThan(FAILURES.length);
    expect(cases.flatMap((one) => one.verdict.problems.map((problem) => `${caseName(one)}: ${problem}`))).toEqual([]);
    expect(cases[0]?.simulation.status).toBe('completed');
  });
});

describe('the judgement', () => {
  const workflow = parsed(SAGA);
  const broken = async (spoil: (calls: SimulatedCall[], simulation: Simulation) => void): Promise<string[]> => {
    const { cases } = await proofOf(SAGA);
    const found = cases.find((one) => caseName(one) === 'pay rejected');
    if (!found?.failed) throw new Error('no such case');
    const simulation = structuredClone(found.simulation);
    spoil(simulation.calls, simulation);
    return judge(new Map([[workflow.name, workflow]]), workflow.name, simulation, found.failed).problems;
  };
  const undo = (calls: SimulatedCall[], step: string): SimulatedCall => {
    const found = calls.find((call) => call.kind === 'undo' && call.step === step);
    if (!found) throw new Error(`no undo of ${step}`);
    return found;
  };

  test('finds nothing wrong with a run that is right', async () => {
    expect(await broken(() => {})).toEqual([]);
  });

  test('sees an undo that is missing', async () => {
    expect(await broken((calls) => calls.splice(calls.indexOf(undo(calls, 'book')), 1))).toEqual(['book was done and not undone']);
  });

  test('sees an undo that failed', async () => {
    expect(await broken((calls) => void (undo(calls, 'book').ended = 'not_performed'))).toEqual(['book was done and not undone']);
  });

  test('sees an undo that happened twice', async () => {
    expect(await broken((calls) => calls.push({ ...undo(calls, 'book') }))).toEqual(['book was undone 2 times']);
  });

  test('sees undos in the wrong order', async () => {
    expect(await broken((calls) => calls.reverse().sort((a, b) => a.kind.localeCompare(b.kind)))).toEqual([
      'hold was undone after book, out of order',
    ]);
  });

  test('sees a step in doubt that nobody lists', async () => {
    const problems = await broken((calls) => {
      const book = calls.find((call) => call.kind === 'do' && call.step === 'book');
      if (book) Object.assign(book, { ended: 'unknown', performed: null });
      calls.splice(calls.indexOf(undo(calls, 'book')), 1);
    });
    expect(problems).toEqual(['nobody knows whether book was done, and it is neither undone nor listed as unresolved']);
  });

  test('sees an undo of a run that did not fail, and a call that was answered and made again', async () => {
    expect(
      await broken((_, simulation) => {
        simulation.status = 'completed';
        for (const run of simulation.runs) run.status = 'completed';
      }),
    ).toEqual(['book was undone although the run did not fail', 'hold was undone although the run did not fail']);
    expect(
      await broken((calls) => {
        const [book] = calls;
        if (book) calls.splice(1, 0, { ...book });
      }),
    ).toEqual(['book was answered and called again']);
  });

  test('sees an undo of what never happened', async () => {
    expect(
      await broken((calls) => {
        const book = calls.find((call) => call.kind === 'do' && call.step === 'book');
        if (book) Object.assign(book, { ended: 'not_performed', performed: false });
      }),
    ).toEqual(['book was undone although it was never done']);
  });
});

describe('the sample', () => {
  test('is what the schema asks for and what the conditions want', () => {
    const workflow = parsed(`
name: sampled
version: "1"
input:
  type: object
  required: [email, count, kind, items]
  properties:
    email: { type: string, pattern: "@" }
    count: { type: integer, minimum: 3, maximum: 9 }
    kind: { enum: [big, small] }
    items: { type: array, minItems: 1, items: { type: object, required: [price], properties: { price: { type: number } } } }
services:
  a: { type: http, endpoint: "http://a.test" }
steps:
  - { id: only_small, when: '.input.kind == "small" && .input.count > 5', service: a, method: POST /x, output: answer }
  - { id: stop, when: '.answer.state != "good" || .answer.score < 10', fail: { error: Bad, message: no } }
  - { id: each, foreach: "{{ .answer.parts }}", as: part, steps: [{ id: do, service: a, method: "POST /{{ .part.name }}" }] }
`);
    const { input, answer } = samplesOf(workflow, START_MS);
    expect(workflow.input && validateInput(workflow.input, input)).toEqual([]);
    expect(input).toMatchObject({ kind: 'small', count: 6 });
    expect(answer('answer', 'only_small')).toEqual({
      state: 'good',
      score: 11,
      parts: [{ name: 'only_small-parts-1-name' }, { name: 'only_small-parts-2-name' }],
    });
  });
});

async function proofOf(text: string): Promise<Proof> {
  return prove({ workflow: parsed(text), children: [], input: undefined, startMs: START_MS });
}

function parsed(text: string): Workflow {
  const { workflow, diagnostics } = parseWorkflow(text, { file: 'proved.yaml' });
  if (!workflow) throw new Error(diagnostics.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return workflow;
}
