import { describe, expect, test } from 'vitest';
import { checkDefinition } from '../../shared/compiler/check-definition/index.ts';
import { compile, substitute } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';

const FAIL = { fail: { error: 'Stop', message: 'here' } };
const call = (id: string): JsonObject => ({ id, service: 's', method: `POST /${id}`, compensate: { method: `POST /undo/${id}` } });

describe('steps that can never run', () => {
  test.each<[string, Json[], string[]]>([
    ['behind a fail', [call('a'), { id: 'f', ...FAIL }, call('b')], ['b', 'undo b']],
    [
      'behind a switch all of whose ways fail',
      [call('a'), { id: 'w', switch: [{ when: '.input.x', steps: [FAIL] }, { steps: [call('c'), FAIL] }] }, call('b')],
      ['b', 'undo b'],
    ],
    ['in a branch, behind a fail', [call('a'), { id: 'p', parallel: [{ steps: [FAIL, call('b')] }, call('c')] }], ['b', 'undo b']],
    [
      'in an item, behind a fail',
      [call('a'), { id: 'e', foreach: '{{ .input.list }}', steps: [FAIL, call('b')] }],
      ['b', 'undo b', 'undo e (page)'],
    ],
  ])('%s have no states, and the rest is as before', (_, steps, gone) => {
    const names = stateNames(steps);
    expect(names).toContain('a');
    expect(names).toContain('undo a');
    for (const name of gone) expect(names).not.toContain(name);
  });

  test.each<[string, Json[], string]>([
    ['a fail with a condition', [{ id: 'f', when: '.input.x', ...FAIL }, call('b')], 'b'],
    ['a switch without an else', [{ id: 'w', switch: [{ when: '.input.x', steps: [FAIL] }] }, call('b')], 'b'],
    ['a foreach of fails, which may have no items', [{ id: 'e', foreach: '{{ .input.list }}', steps: [FAIL] }, call('b')], 'b'],
  ])('behind %s they stay', (_, steps, kept) => {
    expect(stateNames(steps)).toContain(kept);
  });
});

/** Names of all states, nested ones too, of a definition without problems. */
function stateNames(steps: Json[]): string[] {
  const file = { name: 'reach', version: '1', services: { s: { type: 'http', endpoint: 'http://s.test' } }, steps };
  const { workflow, diagnostics } = parseWorkflow(JSON.stringify(file), { file: 'reach.yaml' });
  if (!workflow) throw new Error(diagnostics.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const { definition } = compile(workflow);
  const filled = substitute(definition, { Step: 'arn:aws:lambda:eu-west-1:123456789012:function:step' });
  expect(checkDefinition(filled, 'ours')).toEqual([]);
  const names: string[] = [];
  const look = (value: Json): void => {
    if (Array.isArray(value)) return value.forEach(look);
    if (!isJsonObject(value)) return;
    if (isJsonObject(value['States'] ?? null)) names.push(...Object.keys(value['States'] as JsonObject));
    Object.values(value).forEach(look);
  };
  look(definition);
  return names;
}
