import { describe, expect, test } from 'vitest';
import { type CheckLevel, checkDefinition } from '../../shared/compiler/check-definition/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';

const LAMBDA = 'arn:aws:states:::lambda:invoke';
const task = (fields: JsonObject = {}): JsonObject => ({ Type: 'Task', Resource: LAMBDA, TimeoutSeconds: 30, End: true, ...fields });
const pass = (fields: JsonObject = {}): JsonObject => ({ Type: 'Pass', End: true, ...fields });
const wait = (fields: JsonObject): JsonObject => ({ Type: 'Wait', End: true, ...fields });
const choice = (condition: Json, fields: JsonObject = {}): JsonObject => ({
  Type: 'Choice',
  Choices: [{ Condition: condition, Next: 'done' }],
  Default: 'done',
  ...fields,
});
const machine = (states: JsonObject, fields: JsonObject = {}): JsonObject => ({
  QueryLanguage: 'JSONata',
  StartAt: Object.keys(states)[0] ?? '',
  States: states,
  ...fields,
});
const branch = (states: JsonObject): JsonObject => ({ StartAt: Object.keys(states)[0] ?? '', States: states });
const done: JsonObject = { Type: 'Succeed' };
const without = (object: JsonObject, field: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== field));

function found(definition: Json, level: CheckLevel): string[] {
  return checkDefinition(definition, level).map(({ code, at }) => `${code} ${at}`);
}

const BIG = 'x'.repeat(1_100_000);
const LONG = 'n'.repeat(81);

/** What AWS refuses: recorded, reported or documented. */
const REFUSED: [rule: string, definition: Json, issue: string][] = [
  ['a definition that is no object', [], 'SCHEMA_VALIDATION_FAILED '],
  ['a machine without StartAt', without(machine({ a: pass() }), 'StartAt'), 'SCHEMA_VALIDATION_FAILED '],
  ['a machine without States', { QueryLanguage: 'JSONata', StartAt: 'a' }, 'SCHEMA_VALIDATION_FAILED '],
  ['a machine with no state', machine({}), 'SCHEMA_VALIDATION_FAILED /States'],
  ['a StartAt that is not there', machine({ a: pass() }, { StartAt: 'b' }), 'MISSING_TRANSITION_TARGET /StartAt'],
  ['a Next that is not there', machine({ a: { Type: 'Pass', Next: 'b' } }), 'MISSING_TRANSITION_TARGET /States/a/Next'],
  [
    'a Default that is not there',
    machine({ a: choice('{% true %}', { Default: 'b' }), done }),
    'MISSING_TRANSITION_TARGET /States/a/Default',
  ],
  [
    'a rule that leads nowhere',
    machine({ a: { Type: 'Choice', Choices: [{ Condition: true, Next: 'b' }], Default: 'done' }, done }),
    'MISSING_TRANSITION_TARGET /States/a/Choices/0/Next',
  ],
  [
    'a catcher that leads nowhere',
    machine({ a: task({ Catch: [{ ErrorEquals: ['States.ALL'], Next: 'b' }] }) }),
    'MISSING_TRANSITION_TARGET /States/a/Catch/0/Next',
  ],
  [
    'a target in another scope',
    machine({ a: { Type: 'Parallel', Branches: [branch({ b: { Type: 'Pass', Next: 'c' } })], Next: 'c' }, c: pass() }),
    'MISSING_TRANSITION_TARGET /States/a/Branches/0/States/b/Next',
  ],
  ['a state that is not reached', machine({ a: pass(), b: pass() }), 'MISSING_TRANSITION_TARGET /States/b'],
  ['a machine without an end', machine({ a: { Type: 'Pass', Next: 'b' }, b: { Type: 'Pass', Next: 'a' } }), 'MISSING_END_STATE /States'],
  [
    'a name used in two scopes',
    machine({ a: { Type: 'Parallel', Branches: [branch({ a: pass() })], End: true } }),
    'DUPLICATE_STATE_NAME /States/a/Branches/0/States/a',
  ],
  ['a name of 81 characters', machine({ [LONG]: pass() }), `SCHEMA_VALIDATION_FAILED /States/${LONG}`],
  ['a state without Type', machine({ a: { End: true } }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['a Type that does not exist', machine({ a: { Type: 'Loop', End: true } }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['neither Next nor End', machine({ a: { Type: 'Pass' }, done }, {}), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['both Next and End', machine({ a: pass({ Next: 'done' }), done }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['a Task without Resource', machine({ a: without(task(), 'Resource') }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['a Map without ItemProcessor', machine({ a: { Type: 'Map', End: true } }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  [
    'a Parallel with no branch',
    machine({ a: { Type: 'Parallel', Branches: [], End: true } }),
    'SCHEMA_VALIDATION_FAILED /States/a/Branches',
  ],
  [
    'a branch that is no machine',
    machine({ a: { Type: 'Parallel', Branches: [null], End: true } }),
    'SCHEMA_VALIDATION_FAILED /States/a/Branches/0',
  ],
  [
    'a Choice without rules',
    machine({ a: { Type: 'Choice', Choices: [], Default: 'done' }, done }),
    'SCHEMA_VALIDATION_FAILED /States/a/Choices',
  ],
  [
    'a rule without Condition',
    machine({ a: { Type: 'Choice', Choices: [{ Next: 'done' }], Default: 'done' }, done }),
    'SCHEMA_VALIDATION_FAILED /States/a/Choices/0',
  ],
  ['a Condition that is a text', machine({ a: choice('yes'), done }), 'SCHEMA_VALIDATION_FAILED /States/a/Choices/0'],
  [
    'TimeoutSeconds on a Parallel',
    machine({ a: { Type: 'Parallel', Branches: [branch({ b: pass() })], TimeoutSeconds: 5, End: true } }),
    'SCHEMA_VALIDATION_FAILED /States/a',
  ],
  ['TimeoutSeconds of 0', machine({ a: task({ TimeoutSeconds: 0 }) }), 'SCHEMA_VALIDATION_FAILED /States/a/TimeoutSeconds'],
  ['a heartbeat as long as the timeout', machine({ a: task({ HeartbeatSeconds: 30 }) }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['Credentials without RoleArn', machine({ a: task({ Credentials: {} }) }), 'SCHEMA_VALIDATION_FAILED /States/a/Credentials'],
  ['a JSONPath field', machine({ a: pass({ InputPath: '$.x' }) }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['Assign on Succeed', machine({ a: { Type: 'Succeed', Assign: { x: 1 } } }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['Output on Fail', machine({ a: { Type: 'Fail', Output: 1 } }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['Catch on Pass', machine({ a: pass({ Catch: [] }) }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['a Wait for nothing', machine({ a: wait({}) }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  [
    'a Wait with both Seconds and Timestamp',
    machine({ a: wait({ Seconds: 1, Timestamp: '2024-01-01T00:00:00Z' }) }),
    'SCHEMA_VALIDATION_FAILED /States/a',
  ],
  ['a Timestamp without T', machine({ a: wait({ Timestamp: '2024-01-01 00:00:00Z' }) }), 'SCHEMA_VALIDATION_FAILED /States/a/Timestamp'],
  ['negative Seconds', machine({ a: wait({ Seconds: -1 }) }), 'SCHEMA_VALIDATION_FAILED /States/a/Seconds'],
  ['JSONPath under JSONata', machine({ a: pass({ QueryLanguage: 'JSONPath' }) }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  [
    'States.ALL beside another name',
    machine({ a: task({ Catch: [{ ErrorEquals: ['States.ALL', 'X'], Next: 'done' }] }), done }),
    'SCHEMA_VALIDATION_FAILED /States/a/Catch/0/ErrorEquals',
  ],
  [
    'States.ALL before another retrier',
    machine({ a: task({ Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['X'] }] }) }),
    'SCHEMA_VALIDATION_FAILED /States/a/Retry/0/ErrorEquals',
  ],
  [
    'a retrier without errors',
    machine({ a: task({ Retry: [{ ErrorEquals: [] }] }) }),
    'SCHEMA_VALIDATION_FAILED /States/a/Retry/0/ErrorEquals',
  ],
  [
    "an expression among a retrier's numbers",
    machine({ a: task({ Retry: [{ ErrorEquals: ['X'], MaxAttempts: '{% 3 %}' }] }) }),
    'SCHEMA_VALIDATION_FAILED /States/a/Retry/0/MaxAttempts',
  ],
  [
    'a BackoffRate below 1',
    machine({ a: task({ Retry: [{ ErrorEquals: ['X'], BackoffRate: 0.5 }] }) }),
    'SCHEMA_VALIDATION_FAILED /States/a/Retry/0/BackoffRate',
  ],
  [
    'an unknown JitterStrategy',
    machine({ a: task({ Retry: [{ ErrorEquals: ['X'], JitterStrategy: 'HALF' }] }) }),
    'SCHEMA_VALIDATION_FAILED /States/a/Retry/0',
  ],
  ['a catcher without Next', machine({ a: task({ Catch: [{ ErrorEquals: ['X'] }] }) }), 'SCHEMA_VALIDATION_FAILED /States/a/Catch/0'],
  ['a variable called states', machine({ a: pass({ Assign: { states: 1 } }) }), 'SCHEMA_VALIDATION_FAILED /States/a/Assign/states'],
  ['a variable with a dash', machine({ a: pass({ Assign: { 'a-b': 1 } }) }), 'SCHEMA_VALIDATION_FAILED /States/a/Assign/a-b'],
  ['a variable of 81 characters', machine({ a: pass({ Assign: { [LONG]: 1 } }) }), `SCHEMA_VALIDATION_FAILED /States/a/Assign/${LONG}`],
  ['a text that is no JSONata', machine({ a: pass({ Output: '{% 1 + %}' }) }), 'INVALID_JSONATA_EXPRESSION /States/a/Output'],
  ['??', machine({ a: pass({ Output: { x: ['{% $states.input.a ?? 1 %}'] } }) }), 'INVALID_JSONATA_EXPRESSION /States/a/Output/x/0'],
  ['?:', machine({ a: pass({ Output: '{% $states.input.a ?: 1 %}' }) }), 'INVALID_JSONATA_EXPRESSION /States/a/Output'],
  [
    '$states.result before there is one',
    machine({ a: task({ Arguments: '{% $states.result %}' }) }),
    'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Arguments',
  ],
  [
    '$states.result in a Pass',
    machine({ a: pass({ Output: '{% [1].($states.result.x) %}' }) }),
    'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Output',
  ],
  [
    '$states.errorOutput outside a catcher',
    machine({ a: task({ Output: '{% $states.errorOutput.Error %}' }) }),
    'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Output',
  ],
  [
    '$states.result in a catcher',
    machine({ a: task({ Catch: [{ ErrorEquals: ['X'], Next: 'done', Output: '{% $states.result %}' }] }), done }),
    'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Catch/0/Output',
  ],
  [
    'a bare name at the head of a path',
    machine({ a: pass({ Output: '{% phone.number %}' }) }),
    'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Output',
  ],
  [
    'a bare name in a function',
    machine({ a: pass({ Output: '{% $map([1], function($x){ name }) %}' }) }),
    'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Output',
  ],
  ['$$', machine({ a: pass({ Output: '{% $$.x %}' }) }), 'UNSUPPORTED_JSONATA_EXPRESSION /States/a/Output'],
  ['a definition over 1 MB', machine({ a: pass({ Comment: BIG }) }), 'DEFINITION_TOO_LARGE '],
];

/** What AWS takes, and the compiler never emits. */
const NEVER_EMITTED: [rule: string, definition: Json, issue: string][] = [
  ['a machine that does not say JSONata', without(machine({ a: pass() }), 'QueryLanguage'), 'QUERY_LANGUAGE '],
  ['a state that says JSONata again', machine({ a: pass({ QueryLanguage: 'JSONata' }) }), 'QUERY_LANGUAGE /States/a'],
  ['an unknown field', machine({ a: pass({ Colour: 'red' }) }), 'SCHEMA_VALIDATION_FAILED /States/a'],
  ['a Task without TimeoutSeconds', machine({ a: without(task(), 'TimeoutSeconds') }), 'MISSING_TIMEOUT /States/a'],
  ['a Choice without Default', machine({ a: without(choice('{% true %}'), 'Default'), done }), 'MISSING_DEFAULT /States/a'],
  ['an expression without its spaces', machine({ a: pass({ Output: '{%1%}' }) }), 'EXPRESSION_FORM /States/a/Output'],
  ['an expression on two lines', machine({ a: pass({ Output: '{% [1,\n2] %}' }) }), 'EXPRESSION_FORM /States/a/Output'],
  ['half an expression', machine({ a: pass({ Output: '{% 1' }) }), 'EXPRESSION_FORM /States/a/Output'],
  ['$eval', machine({ a: task({ Arguments: '{% $eval("1") %}' }) }), 'EVAL /States/a/Arguments'],
  ['a bare $', machine({ a: pass({ Output: '{% [$] %}' }) }), 'BARE_CONTEXT /States/a/Output'],
  [
    '100 operators in a row',
    machine({ a: pass({ Output: `{% ${Array.from({ length: 101 }, () => '1').join('+')} %}` }) }),
    'EXPRESSION_TOO_DEEP /States/a/Output',
  ],
  ['a variable nobody assigns', machine({ a: pass({ Output: '{% [$x] %}' }) }), 'UNKNOWN_VARIABLE /States/a/Output'],
  [
    'a variable of a sibling branch',
    machine({
      a: {
        Type: 'Parallel',
        End: true,
        Branches: [branch({ b: pass({ Assign: { x: 1 } }) }), branch({ c: pass({ Output: '{% [$x] %}' }) })],
      },
    }),
    'UNKNOWN_VARIABLE /States/a/Branches/1/States/c/Output',
  ],
  [
    'a variable of an inner scope',
    machine({
      a: { Type: 'Parallel', Next: 'c', Branches: [branch({ b: pass({ Assign: { x: 1 } }) })] },
      c: pass({ Output: '{% [$x] %}' }),
    }),
    'UNKNOWN_VARIABLE /States/c/Output',
  ],
  [
    'a variable used in an outer and an inner scope',
    machine({ a: { Type: 'Parallel', Assign: { x: 1 }, End: true, Branches: [branch({ b: pass({ Assign: { x: 1 } }) })] } }),
    'DUPLICATE_VARIABLE_NAME /States/a/Branches/0/States/b/Assign/x',
  ],
  ['a variable that hides a function', machine({ a: pass({ Assign: { count: 1 } }) }), 'HIDDEN_FUNCTION /States/a/Assign/count'],
  ['$states as a whole', machine({ a: pass({ Output: '{% [$states] %}' }) }), 'UNKNOWN_STATES_FIELD /States/a/Output'],
  [
    'a field of $states that does not exist',
    machine({ a: pass({ Output: '{% [$states.inputs] %}' }) }),
    'UNKNOWN_STATES_FIELD /States/a/Output',
  ],
  [
    'a field of the context that does not exist',
    machine({ a: pass({ Output: '{% [$states.context.Execution.Arn] %}' }) }),
    'UNKNOWN_STATES_FIELD /States/a/Output',
  ],
  [
    'RetryCount outside a Task',
    machine({ a: pass({ Output: '{% [$states.context.State.RetryCount] %}' }) }),
    'UNKNOWN_STATES_FIELD /States/a/Output',
  ],
  [
    'a task token that nobody waits for',
    machine({ a: task({ Arguments: '{% [$states.context.Task.Token] %}' }) }),
    'UNKNOWN_STATES_FIELD /States/a/Arguments',
  ],
  [
    'an item outside an iteration',
    machine({ a: pass({ Output: '{% [$states.context.Map.Item.Value] %}' }) }),
    'UNKNOWN_STATES_FIELD /States/a/Output',
  ],
  [
    'a condition that may be no boolean',
    machine({ a: choice('{% $states.input %}'), done }),
    'CONDITION_NOT_BOOLEAN /States/a/Choices/0/Condition',
  ],
  [
    'a condition that may be nothing',
    machine({ a: choice('{% $states.input.n > 1 %}'), done }),
    'CONDITION_NOT_BOOLEAN /States/a/Choices/0/Condition',
  ],
  [
    '$parse where nothing catches',
    machine({ a: pass({ Assign: { x: '{% $parse($states.input) %}' } }) }),
    'UNCAUGHT_FAILURE /States/a/Assign/x',
  ],
  ['$error where nothing catches', machine({ a: wait({ Seconds: '{% $error("no") %}' }) }), 'UNCAUGHT_FAILURE /States/a/Seconds'],
  ['a path that may lead nowhere', machine({ a: pass({ Output: { k: '{% $states.input.k %}' } }) }), 'UNCAUGHT_FAILURE /States/a/Output/k'],
  ['a condition without else', machine({ a: pass({ Output: '{% true ? 1 %}' }) }), 'UNCAUGHT_FAILURE /States/a/Output'],
  [
    'a catcher that may fail',
    machine({
      a: task({ Catch: [{ ErrorEquals: ['States.ALL'], Next: 'done', Output: '{% $parse($states.errorOutput.Cause) %}' }] }),
      done,
    }),
    'UNCAUGHT_FAILURE /States/a/Catch/0/Output',
  ],
];

const FINE: [rule: string, definition: Json][] = [
  ['a pass', machine({ a: pass({ Output: 1 }) })],
  ['any JSON as output', machine({ a: pass({ Output: [null, true, 'x', { y: '{% 1 %}' }] }) })],
  ['a bare name in a predicate', machine({ a: pass({ Output: '{% [$states.input.items[price > 3].price] %}' }) })],
  ['a result in a Task', machine({ a: task({ Output: '{% $states.result.Payload %}', Assign: { x: '{% $states.result %}' } }) })],
  [
    'an error in a catcher',
    machine({
      a: task({ Catch: [{ ErrorEquals: ['States.ALL'], Next: 'done', Assign: { e: "{% $states.errorOutput.{'error': Error} %}" } }] }),
      done,
    }),
  ],
  [
    '$parse where a Parallel around catches',
    machine({
      a: {
        Type: 'Parallel',
        End: true,
        Branches: [branch({ b: pass({ Output: '{% $parse($states.input) %}' }) })],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'done' }],
      },
      done,
    }),
  ],
  ['$parse in a Task', machine({ a: task({ Arguments: '{% $parse($states.input.x) %}' }) })],
  ['$parse of JSON that the expression makes', machine({ a: pass({ Output: `{% $parse($join(['{"a":','1','}'])) %}` }) })],
  [
    'names that the expression itself binds',
    machine({ a: pass({ Output: '{% ($f := function($x){$x + 1}; $f($map([1], function($y){$y})[0])) %}' }) }),
  ],
  ['an unassigned variable that is tested', machine({ a: pass({ Output: '{% $exists($x) ? $x : null %}' }) })],
  [
    'an outer variable in a branch',
    machine({
      a: { Type: 'Pass', Assign: { x: 1 }, Next: 'b' },
      b: { Type: 'Parallel', End: true, Branches: [branch({ c: pass({ Output: '{% $x %}' }) })] },
    }),
  ],
  [
    'the same variable in sibling branches',
    machine({
      a: { Type: 'Parallel', End: true, Branches: [branch({ b: pass({ Assign: { x: 1 } }) }), branch({ c: pass({ Assign: { x: 1 } }) })] },
    }),
  ],
  [
    'an item in an iteration',
    machine({
      a: {
        Type: 'Map',
        Items: [1],
        ItemSelector: '{% $states.context.Map.Item.Value %}',
        ItemProcessor: branch({ b: pass({ Output: '{% $states.context.Map.Item.Index %}' }) }),
        End: true,
      },
    }),
  ],
  [
    'boolean conditions',
    machine({
      a: {
        Type: 'Choice',
        Choices: [
          true,
          "{% $type($states.input) = 'number' and $states.input > 1 %}",
          '{% $not($exists($states.input.x)) %}',
          '{% ($f:=function($a){$a!=null?$a=1:$not($a)};$f(1)) %}',
        ].map((Condition) => ({ Condition, Next: 'done' })),
        Default: 'done',
      },
      done,
    }),
  ],
  [
    'a token that is waited for',
    machine({ a: task({ Resource: `${LAMBDA}.waitForTaskToken`, Arguments: '{% {"t": $states.context.Task.Token} %}' }) }),
  ],
  ['a text with a leading space', machine({ a: pass({ Output: ' {% x %}' }) })],
];

describe('checkDefinition', () => {
  test.each(REFUSED)('refuses %s', (_rule, definition, issue) => {
    expect(found(definition, 'aws')).toContain(issue);
    expect(found(definition, 'ours')).toContain(issue);
  });

  test.each(NEVER_EMITTED)('takes %s from others, not from the compiler', (_rule, definition, issue) => {
    expect(found(definition, 'aws')).toEqual([]);
    expect(found(definition, 'ours')).toContain(issue);
  });

  test.each(FINE)('takes %s', (_rule, definition) => {
    expect(found(definition, 'ours')).toEqual([]);
  });

  test('leaves alone what a JSONPath state holds', () => {
    const definition = { StartAt: 'a', States: { a: { Type: 'Pass', InputPath: '$.x', Parameters: { 'a.$': '$.b' }, End: true } } };
    expect(found(definition, 'aws')).toEqual([]);
  });

  test('says neither the expression nor its data when it does not parse', () => {
    const [issue] = checkDefinition(machine({ a: pass({ Output: '{% "secret" + %}' }) }), 'aws');
    expect(issue?.message).toMatch(/JSONata 2\.0\.6: S0207 at position \d+/);
    expect(issue?.message).not.toContain('secret');
  });
});
