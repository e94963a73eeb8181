import { afterEach, describe, expect, test } from 'vitest';
import { registrationOf } from '../../local/runtime/index.ts';
import { compile } from '../../shared/compiler/index.ts';
import { createServiceWorld, ME, type ServiceWorld, SOURCE } from '../orchestrate/world.ts';
import { ok, rejected, workflowOf } from '../semantics/world.ts';

let world: ServiceWorld;

afterEach(() => world.close());

const HEAD = 'name: w\nversion: "1"\ntimeout: 1h\nservices:\n  s: { type: http, endpoint: "http://s", breaker: false }\nsteps:\n';

describe('a workflow that got an undo before its run was retried', () => {
  test.each([
    ['made of the step’s input', '{ method: /undo-a, input: { n: "{{ .input.n }}" } }', '', { n: 7 }],
    ['made of the step’s output', '{ method: /undo-a, input: { id: "{{ .av.id }}" } }', '', { id: 'r-1' }],
    ['made of the failure', '{ method: /undo-a, input: { id: "{{ .av.id }}", why: "{{ .error.step }}" } }', '', { id: 'r-1', why: 'end' }],
    ['made of what is not selected', '{ method: /undo-a, input: { id: "{{ .av.id }}" } }', 'select: [id], ', { id: 'r-1' }],
  ])('undoes what it took over, with a request %s', async (_how, compensate, select, input) => {
    const steps = (undo: string): string =>
      `${HEAD}  - { id: a, service: s, method: /a, input: { n: "{{ .input.n }}" }, ${select}output: av${undo} }\n  - { id: end, service: s, method: /end }\n`;
    world = await createServiceWorld(steps(''), { mock: ({ step }) => (step === 'end' ? rejected() : ok({ id: 'r-1', more: 1 })) });
    const failed = await world.settled({ input: { n: 7 } });
    expect(failed.status).toBe('failed');
    const workflow = workflowOf(steps(`, compensate: ${compensate}`));
    await world.drive(world.runtime.registry.register(registrationOf(workflow, compile(workflow, {}), '')));

    const { runId } = await world.drive(world.service.retry(ME, SOURCE, failed.run_id));
    const again = await world.settle(runId);

    expect(world.log()).toEqual(['a', 'end', 'end', 'undo a']);
    expect(again).toMatchObject({ status: 'compensated', run: { attempt: 2 } });
    expect(world.calls.at(-1)).toMatchObject({ input, key: `${runId}/0001/undo` });
    // What the new run did is on its own record; the old one says what it did itself.
    expect(again.steps[0]).toMatchObject({ step_id: 'a', status: 'undone', reused: true });
    expect((await world.get(failed.run_id)).steps[0]).toMatchObject({ step_id: 'a', status: 'done', reused: false });
    expect(await world.get(failed.run_id)).toMatchObject({ status: 'failed' });
  });

  test('undoes in reverse what it took over in blocks and in sub-workflows, each once', async () => {
    const step = (id: string, undo: boolean, input = '{ n: "{{ .input.n }}" }'): string =>
      `{ id: ${id}, service: s, method: /${id}, input: ${input}${undo ? `, compensate: { method: /undo-${id}, input: ${input} }` : ''} }`;
    const files = (undo: boolean): string[] => [
      `${HEAD}  - ${step('a', undo)}
  - { id: each, foreach: "{{ .input.list }}", steps: [${step('one', undo, '{ item: "{{ .item }}" }')}] }
  - { id: both, parallel: [${step('l', undo)}, { id: r, workflow: kid, input: { n: 2 } }] }
  - { id: pick, switch: [{ when: "{{ .input.n == 7 }}", steps: [${step('yes', undo)}] }, { steps: [${step('no', undo)}] }] }
  - { id: end, service: s, method: /end }
`,
      `${HEAD.replace('name: w', 'name: kid')}  - ${step('k', undo)}\n`,
    ];
    world = await createServiceWorld(files(false), { mock: ({ step: id }) => (id === 'end' ? rejected() : ok({})) });
    const failed = await world.settled({ input: { n: 7, list: ['x', 'y'] } });
    const done = world.log().slice(0, -1);
    const workflows = files(true).map(workflowOf);
    for (const workflow of workflows.toReversed())
      await world.drive(world.runtime.registry.register(registrationOf(workflow, compile(workflow, { children: workflows }), '')));

    const { runId } = await world.drive(world.service.retry(ME, SOURCE, failed.run_id));
    const again = await world.settle(runId);

    expect(again.status).toBe('compensated');
    expect([...done].sort()).toEqual(['a', 'k', 'l', 'one[0]', 'one[1]', 'yes']);
    expect(world.log().slice(done.length + 1)).toEqual(['end', ...['yes', 'k', 'l', 'one[1]', 'one[0]', 'a'].map((id) => `undo ${id}`)]);
    const inputs = world.calls.filter(({ kind }) => kind === 'undo').map(({ input }) => input);
    expect(inputs).toEqual([{ n: 7 }, { n: 2 }, { n: 7 }, { item: 'y' }, { item: 'x' }, { n: 7 }]);
  });
});
