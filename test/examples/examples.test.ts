import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Scenario, scenarioSchema } from '../../cli/scenario/index.ts';
import { operationTable } from '../../examples/services/operation.ts';
import { allOperations } from '../../examples/services/operations/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import {
  compensateOf,
  type Method,
  parseWorkflow,
  type Service,
  type Step,
  type Workflow,
  walkSteps,
} from '../../shared/workflow/index.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const names = globSync('*/workflow.yaml', { cwd: EXAMPLES }).map(dirname).sort();
const operations = operationTable(allOperations);

function load(name: string): { workflow: Workflow; complaints: string[] } {
  const file = join(EXAMPLES, name, 'workflow.yaml');
  const { workflow, diagnostics } = parseWorkflow(readFileSync(file, 'utf8'), { file });
  if (workflow === null) throw new Error(diagnostics.map(({ line, message }) => `${name}:${line} ${message}`).join('\n'));
  return {
    workflow,
    complaints: diagnostics.filter(({ severity }) => severity !== 'hint').map(({ line, message }) => `${line} ${message}`),
  };
}

/** Each step with the number of foreach blocks around it. */
function stepsWithDepth(workflow: Workflow): Map<string, { step: Step; depth: number }> {
  const found = new Map<string, { step: Step; depth: number }>();
  walkSteps(workflow.steps, (step, parents) =>
    found.set(step.id, { step, depth: parents.filter((parent) => parent.kind === 'foreach').length }),
  );
  return found;
}

/** Every method that a workflow calls or undoes with, templates replaced by a value. */
function methods(workflow: Workflow): { service: Service; verb: string | null; text: string }[] {
  const called: { service: Service; verb: string | null; text: string }[] = [];
  const note = (serviceName: string, method: Method | null): void => {
    const service = workflow.services[serviceName];
    if (service === undefined || method === null) throw new Error(`${serviceName} is not called as it should be`);
    called.push({ service, verb: method.verb, text: method.text.map((part) => (typeof part === 'string' ? part : 'value')).join('') });
  };
  for (const { step } of stepsWithDepth(workflow).values()) {
    if (step.kind === 'call') note(step.service, step.method);
    const undo = compensateOf(step);
    if (undo !== null) note(undo.service, undo.method);
  }
  return called;
}

test('there are the six examples', () => {
  expect(names).toEqual([
    'background-check',
    'deploy-service',
    'lead-enrichment',
    'order-processing',
    'user-onboarding',
    'video-processing',
  ]);
});

describe.each(names)('%s', (name) => {
  test('is accepted without errors or warnings, and compiles', () => {
    const { workflow, complaints } = load(name);

    expect(complaints).toEqual([]);
    expect(compile(workflow, {}).diagnostics.filter(({ severity }) => severity !== 'hint')).toEqual([]);
  });

  test('calls and undoes only what the demo services offer', () => {
    const missing = methods(load(name).workflow).filter(({ service, verb, text }) =>
      service.type === 'http' ? operations.byRoute(verb ?? '', text) === undefined : operations.byName(text) === undefined,
    );

    expect(missing).toEqual([]);
  });

  test('goes to the default ports of the demo services', () => {
    const endpoints = Object.values(load(name).workflow.services).map(({ type, endpoint }) => [type, ...endpoint]);

    for (const endpoint of endpoints)
      expect([
        ['http', 'http://127.0.0.1:4710'],
        ['grpc', '127.0.0.1:4711'],
      ]).toContainEqual(endpoint);
  });

  test('takes its own input, and needs all that it says it needs', () => {
    const { input } = load(name).workflow;
    const checked = z.fromJSONSchema(JSON.parse(JSON.stringify(input)));
    const given = JSON.parse(readFileSync(join(EXAMPLES, name, 'input.json'), 'utf8'));

    expect(checked.safeParse(given).error).toBeUndefined();
    for (const key of input?.required ?? []) expect(checked.safeParse({ ...given, [key]: undefined }).success).toBe(false);
  });

  const files = globSync('*.scenario.yaml', { cwd: join(EXAMPLES, name) });

  test.each(files)('%s speaks of steps that exist, at the depth they have', (file) => {
    const scenario: Scenario = scenarioSchema.parse(parse(readFileSync(join(EXAMPLES, name, file), 'utf8')));
    const steps = stepsWithDepth(load(name).workflow);
    const { calls = [], undos = [], let_go = [], skipped = [], unresolved = [], undo_failed = [] } = scenario.expect;
    const named = [
      ...Object.keys(scenario.mocks),
      ...Object.keys(scenario.undo_mocks),
      ...let_go,
      ...skipped,
      ...unresolved,
      ...undo_failed,
    ];

    const { input } = scenario;
    const given = input.kind === 'value' ? input.value : JSON.parse(readFileSync(join(EXAMPLES, name, input.file), 'utf8'));

    expect(z.fromJSONSchema(JSON.parse(JSON.stringify(load(name).workflow.input))).safeParse(given).error).toBeUndefined();
    expect([...named, ...[...calls, ...undos].map(({ step }) => step)].filter((step) => !steps.has(step))).toEqual([]);
    expect([...calls, ...undos].filter(({ step, items }) => items.length > 0 && items.length !== steps.get(step)?.depth)).toEqual([]);
    expect(undos.filter(({ step }) => compensateOf(steps.get(step)?.step ?? neverStep(step)) === null)).toEqual([]);
  });
});

function neverStep(step: string): never {
  throw new Error(`there is no step ${step}`);
}
