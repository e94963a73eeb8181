// What a definition is refused for.

import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../shared/json.ts';
import { invoke, sequence, world } from './support.ts';

const { engine } = world();
const issues = (definition: JsonObject, type?: 'EXPRESS'): string[] =>
  engine
    .validate(JSON.stringify({ QueryLanguage: 'JSONata', ...definition }), type)
    .map(({ code, message, path }) => `${code}: ${message} at ${path}`);
const one = (state: JsonObject): JsonObject => ({ StartAt: 'A', States: { A: { End: true, ...state } } });
const output = (expression: Json, type = 'Pass', more: JsonObject = {}): JsonObject => one({ Type: type, Output: expression, ...more });
const task = invoke('f', {});

describe('a definition is refused for', () => {
  it.each<[what: string, definition: JsonObject, issue: string]>([
    [
      'a target that is missing',
      { StartAt: 'A', States: { A: { Type: 'Pass', Next: 'B' } } },
      "MISSING_TRANSITION_TARGET: Missing 'Next' target: B",
    ],
    [
      'a state that is not reached',
      { StartAt: 'A', States: { A: { Type: 'Pass', End: true }, B: { Type: 'Pass', End: true } } },
      'MISSING_TRANSITION_TARGET: State "B" is not reachable.',
    ],
    ['no end', { StartAt: 'A', States: { A: { Type: 'Pass', Next: 'A' } } }, 'MISSING_END_STATE: Workflow has no terminal state'],
    ['a name used twice, however deep', one({ Type: 'Parallel', Branches: [one({ Type: 'Pass' })] }), 'DUPLICATE_STATE_NAME'],
    [
      'a name of more than 80 characters',
      { StartAt: 'x'.repeat(81), States: { ['x'.repeat(81)]: { Type: 'Succeed' } } },
      'SCHEMA_VALIDATION_FAILED: A state name has at most 80',
    ],
    ['a JSONPath field', one({ Type: 'Pass', ResultPath: '$.x' }), "Field 'ResultPath' is not supported at /States/A"],
    [
      'a step down to JSONPath',
      one({ Type: 'Pass', QueryLanguage: 'JSONPath' }),
      "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
    ],
    [
      'a time limit on a Map',
      one({ Type: 'Map', TimeoutSeconds: 5, ItemProcessor: sequence({ B: { Type: 'Pass' } }) }),
      "Field 'TimeoutSeconds' is not supported",
    ],
    ['Retry on a Pass', one({ Type: 'Pass', Retry: [{ ErrorEquals: ['States.ALL'] }] }), "Field 'Retry' is not supported"],
    [
      'States.ALL beside others',
      { StartAt: 'A', States: { A: { ...task, End: true, Retry: [{ ErrorEquals: ['States.ALL', 'X'] }] } } },
      "'States.ALL' can only be specified",
    ],
    [
      'States.ALL before others',
      { StartAt: 'A', States: { A: { ...task, End: true, Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['X'] }] } } },
      "'States.ALL' can only be specified",
    ],
    ['a literal timestamp without T', one({ Type: 'Wait', Timestamp: '2026-01-01 00:00:00Z' }), 'String does not match RFC3339 timestamp'],
    [
      'credentials without a role',
      { StartAt: 'A', States: { A: { ...task, End: true, Credentials: {} } } },
      "The field 'RoleArn' is required but was missing at /States/A/Credentials",
    ],
    ['text that does not parse', output('{% 1 + %}'), 'INVALID_JSONATA_EXPRESSION'],
    ['the elvis operator, which 2.0.6 does not have', output('{% $a ?: 1 %}'), 'INVALID_JSONATA_EXPRESSION'],
    [
      '$states.result where there is none',
      output('{% $states.result %}'),
      "UNSUPPORTED_JSONATA_EXPRESSION: Field '$states.result' does not exist. at /States/A/Output",
    ],
    ['$states.errorOutput outside a catcher', output('{% $states.errorOutput.Error %}'), "Field '$states.errorOutput' does not exist."],
    ['a bare name', output('{% phone %}'), "Reference to 'phone' at the top level is not supported."],
    ['a bare name in a function', output('{% $map([1], function($x) { name }) %}'), "Reference to 'name' at the top level"],
    ['$$', output('{% $$.x %}'), "Reference to '$$' is not supported."],
    ['an unknown resource', one({ Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage' }), 'is not recognized'],
  ])('%s', (_, definition, issue) => {
    expect(issues(definition).join('\n')).toContain(issue);
  });

  it('waiting, on an Express machine', () => {
    const waits = { StartAt: 'A', States: { A: { ...task, End: true, Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken' } } };
    expect(issues(waits, 'EXPRESS')).toEqual([
      "SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/A/Resource",
    ]);
    expect(issues(waits)).toEqual([]);
  });

  it('text that is no JSON object', () => {
    expect(engine.validate('{').map(({ code }) => code)).toEqual(['INVALID_JSON_DESCRIPTION']);
    expect(engine.validate('{}').map(({ message, path }) => `${message} at ${path}`)).toEqual([
      'These fields are required: [States, StartAt] at /',
    ]);
    expect(engine.validate('').map(({ message }) => message)).toEqual(['Definition must be a valid JSON object']);
    expect(engine.validate('[]').map(({ code }) => code)).toEqual(['SCHEMA_VALIDATION_FAILED']);
    expect(
      engine.validate('{"QueryLanguage":"JSONata","StartAt":3,"States":{"A":7,"B":{"Type":[]},"C":{"Type":"Task","Retry":3,"Catch":[1]}}}')
        .length,
    ).toBeGreaterThan(2);
  });
});

describe('a definition is accepted with', () => {
  it.each<[what: string, definition: JsonObject]>([
    [
      'names in predicates, steps, sorts and groups',
      output('{% $states.input.items[price > 3]^(price).(name & note){name: $sum(price)} %}'),
    ],
    ['names after a step into an object', output('{% $states.input.(a & b) %}')],
    ['an unknown variable and an unknown function', output('{% $nobody & $unknown() %}')],
    [
      '$states.result in a Task, $states.errorOutput in its catcher',
      {
        StartAt: 'A',
        States: {
          A: { ...task, End: true, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B', Output: '{% $states.errorOutput.Error %}' }] },
          B: { Type: 'Pass', End: true },
        },
      },
    ],
    [
      'a literal condition',
      { StartAt: 'A', States: { A: { Type: 'Choice', Choices: [{ Condition: true, Next: 'B' }] }, B: { Type: 'Succeed' } } },
    ],
  ])('%s', (_, definition) => {
    expect(issues(definition)).toEqual([]);
  });
});
