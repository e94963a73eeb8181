import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRuntime, machineArn, type Runtime, registrationOf } from '../../local/runtime/index.ts';
import { createLocalCatalog, type LocalCatalog } from '../../local/service/catalog.ts';
import { workflowFiles } from '../../local/service/workflow-files.ts';
import { compile } from '../../shared/compiler/index.ts';
import { ApiError } from '../../shared/contract/index.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';
import { folder } from '../cli/support.ts';

let data: ReturnType<typeof folder>;
let runtime: Runtime;
let catalog: LocalCatalog;
let changes: number;

beforeEach(() => {
  data = folder({});
  open();
});

afterEach(async () => {
  await runtime.close();
  data.remove();
});

function open(): void {
  changes = 0;
  runtime = createRuntime({
    dataFolder: null,
    caller: { call: () => Promise.reject(new Error('no calls here')), origin: () => '', close: async () => {} },
    holder: { version: 'test', role: 'test', urls: {} },
  });
  catalog = createLocalCatalog({ registry: runtime.registry, files: workflowFiles(data.path), onChange: () => changes++ });
}

const CHILD = `name: child
version: "1"
description: Says it again.
input: { type: object, properties: { text: { type: string } }, required: [text] }
triggers:
  - schedule: rate(1 hour)
    input: { text: hello }
steps:
  - { id: say, set: { said: "{{ .input.text }}" } }
`;
const PARENT = `name: a-parent
version: "2"
steps:
  - { id: ask, workflow: child, input: { text: hi }, output: answer }
`;

async function refusal(work: Promise<unknown>): Promise<ApiError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiError)) throw new Error('it was not refused');
  return error;
}

describe('deploying a workflow', () => {
  test('it is there, with everything that its file says', async () => {
    const entry = await catalog.deploy(CHILD);

    expect(entry).toMatchObject({
      name: 'child',
      version: '1',
      description: 'Says it again.',
      execution: 'standard',
      timeoutMs: expect.any(Number),
      input: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      inputPaths: [['text']],
      triggers: [{ schedule: 'rate(1 hour)', input: { text: 'hello' } }],
      source: CHILD,
      machineArn: machineArn('child'),
      startArn: machineArn('child'),
      undoArn: null,
    });
    expect(await catalog.find('child')).toEqual(entry);
    expect(await catalog.list()).toEqual([entry]);
    expect(await catalog.nameOf(machineArn('child'))).toBe('child');
    expect(await catalog.nameOf(`${machineArn('child')}:live`)).toBe('child');
    expect(changes).toBe(1);
  });

  test('it is there after a restart, also when it runs another', async () => {
    await catalog.deploy(CHILD);
    await catalog.deploy(PARENT);
    await runtime.close();
    open();

    expect(await catalog.restore()).toEqual([]);
    expect((await catalog.list()).map(({ name }) => name)).toEqual(['a-parent', 'child']);
  });

  test('it replaces one of the same name', async () => {
    await catalog.deploy(CHILD);

    const entry = await catalog.deploy(CHILD.replace('version: "1"', 'version: "3"'));

    expect(entry.version).toBe('3');
    expect((await catalog.find('child'))?.version).toBe('3');
    expect(readdirSync(data.path)).toEqual(['child.yaml']);
  });

  test('a text with mistakes is refused with where they are, and nothing changes', async () => {
    const error = await refusal(catalog.deploy('name: x\nversion: "1"\nsteps:\n  - { id: a, goto: nowhere }\n'));

    expect(error.code).toBe('invalid');
    expect(error.details).toEqual(expect.arrayContaining([expect.objectContaining({ code: expect.stringMatching(/^MST/), line: 4 })]));
    expect(await catalog.list()).toEqual([]);
    expect(readdirSync(data.path)).toEqual([]);
  });

  test('one that runs a workflow which is not there is refused', async () => {
    const error = await refusal(catalog.deploy(PARENT));

    expect(error.details).toEqual([expect.objectContaining({ code: 'MST2301' })]);
  });

  test('one of a watched file is neither replaced nor removed; the same text again is no change', async () => {
    const { workflow } = parseWorkflow(CHILD, { file: 'child.yaml' });
    if (!workflow) throw new Error('the file is not valid');
    await runtime.registry.register(registrationOf(workflow, compile(workflow), CHILD));

    expect((await refusal(catalog.deploy(CHILD.replace('again', 'twice')))).code).toBe('conflict');
    expect((await refusal(catalog.remove('child'))).code).toBe('conflict');
    expect((await catalog.deploy(CHILD)).name).toBe('child');
    expect(readdirSync(data.path)).toEqual([]);
  });
});

describe('removing a workflow', () => {
  test('it is gone, also after a restart; one that is not there is false', async () => {
    await catalog.deploy(CHILD);

    expect(await catalog.remove('child')).toBe(true);
    expect(await catalog.find('child')).toBeUndefined();
    expect(await catalog.remove('child')).toBe(false);
    await runtime.close();
    open();
    await catalog.restore();
    expect(await catalog.list()).toEqual([]);
  });

  test('machines of others than workflows have no name', async () => {
    expect(await catalog.nameOf(machineArn('unknown'))).toBeUndefined();
    expect(await catalog.nameOf('arn')).toBeUndefined();
  });
});
