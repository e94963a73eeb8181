// The wire API, through the real client and by hand.

import { request } from 'node:http';
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  ListTagsForResourceCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StartSyncExecutionCommand,
  StopExecutionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateStateMachineCommand,
  ValidateStateMachineDefinitionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEndpoint, type Endpoint } from '../../local/endpoint/index.ts';
import type { JsonObject } from '../../shared/json.ts';
import { invoke, sequence, settle, world } from '../engine/support.ts';

const tokens: string[] = [];
const here = world({
  functions: {
    ask: (payload) => {
      tokens.push((payload as { token: string }).token);
      return null;
    },
  },
});
const roleArn = 'arn:aws:iam::111111111111:role/any';
const text = (definition: JsonObject): string => JSON.stringify({ QueryLanguage: 'JSONata', ...definition });
const passing = text(sequence({ A: { Type: 'Pass', Output: { got: '{% $states.input %}' } } }));
const waiting = text(sequence({ A: { Type: 'Wait', Seconds: 1000 } }));
let endpoint: Endpoint;
let client: SFNClient;

beforeAll(async () => {
  endpoint = await createEndpoint({ engine: here.engine, port: 0 });
  client = new SFNClient({
    endpoint: endpoint.url,
    region: 'us-east-1',
    disableHostPrefix: true,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await endpoint.close();
  here.engine.close();
  here.database.close();
});

const create = async (name: string, definition: string, more: { type?: 'EXPRESS' } = {}): Promise<string> =>
  (await client.send(new CreateStateMachineCommand({ name, definition, roleArn, ...more }))).stateMachineArn ?? '';

describe('state machines', () => {
  it('are created once, described, updated, listed in pages, tagged and deleted', async () => {
    const arn = await create('first', passing);
    expect(arn).toBe('arn:aws:states:us-east-1:111111111111:stateMachine:first');
    expect(await create('first', passing)).toBe(arn);
    await expect(create('first', waiting)).rejects.toMatchObject({ name: 'StateMachineAlreadyExists' });
    await expect(create('not a name', passing)).rejects.toMatchObject({ name: 'InvalidName' });

    const described = await client.send(new DescribeStateMachineCommand({ stateMachineArn: arn }));
    expect(described).toMatchObject({ name: 'first', status: 'ACTIVE', type: 'STANDARD', definition: passing, roleArn });
    expect(described.creationDate).toEqual(new Date(here.clock.now()));
    const updated = await client.send(new UpdateStateMachineCommand({ stateMachineArn: arn, definition: waiting }));
    expect(updated.updateDate).toBeInstanceOf(Date);
    await expect(client.send(new UpdateStateMachineCommand({ stateMachineArn: arn }))).rejects.toMatchObject({
      name: 'MissingRequiredParameter',
    });

    await create('second', passing);
    const page = await client.send(new ListStateMachinesCommand({ maxResults: 1 }));
    const rest = await client.send(new ListStateMachinesCommand({ nextToken: page.nextToken }));
    expect([...(page.stateMachines ?? []), ...(rest.stateMachines ?? [])].map(({ name }) => name)).toEqual(['first', 'second']);

    await client.send(
      new TagResourceCommand({
        resourceArn: arn,
        tags: [
          { key: 'a', value: '1' },
          { key: 'b', value: '2' },
        ],
      }),
    );
    await client.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ['a'] }));
    expect((await client.send(new ListTagsForResourceCommand({ resourceArn: arn }))).tags).toEqual([{ key: 'b', value: '2' }]);

    await client.send(new DeleteStateMachineCommand({ stateMachineArn: arn }));
    await expect(client.send(new DescribeStateMachineCommand({ stateMachineArn: arn }))).rejects.toMatchObject({
      name: 'StateMachineDoesNotExist',
    });
  });

  it('in JSONPath are refused with words that say so', async () => {
    const definition = JSON.stringify({ StartAt: 'A', States: { A: { Type: 'Pass', End: true } } });
    await expect(create('jsonpath', definition)).rejects.toMatchObject({
      name: 'InvalidDefinition',
      message: expect.stringContaining('JSONata'),
    });
    const checked = await client.send(new ValidateStateMachineDefinitionCommand({ definition }));
    expect(checked.result).toBe('FAIL');
    expect(checked.diagnostics?.[0]).toMatchObject({ severity: 'ERROR', code: 'UNSUPPORTED_QUERY_LANGUAGE', location: '/States/A' });
    expect((await client.send(new ValidateStateMachineDefinitionCommand({ definition: passing }))).result).toBe('OK');
  });
});

describe('executions', () => {
  it('of one name and input are one while the first runs', async () => {
    const stateMachineArn = await create('idempotent', waiting);
    const start = (input: string) => client.send(new StartExecutionCommand({ stateMachineArn, name: 'same', input }));
    const first = await start('{"a": 1}');
    const again = await start('{"a": 1}');
    expect(again.executionArn).toBe(first.executionArn);
    expect(again.startDate).toEqual(first.startDate);
    await expect(start('{"a": 2}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });

    const stopped = await client.send(new StopExecutionCommand({ executionArn: first.executionArn, error: 'E', cause: 'C' }));
    expect(stopped.stopDate).toBeInstanceOf(Date);
    await expect(start('{"a": 1}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    const described = await client.send(new DescribeExecutionCommand({ executionArn: first.executionArn }));
    expect(described).toMatchObject({ status: 'ABORTED', error: 'E', cause: 'C', input: '{"a": 1}' });
  });

  it('have a history in pages, either way round', async () => {
    const stateMachineArn = await create('history', text(sequence({ A: { Type: 'Pass' }, B: { Type: 'Pass' }, C: { Type: 'Pass' } })));
    const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn }));
    const ids: number[] = [];
    let nextToken: string | undefined;
    do {
      const page = await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 3, ...(nextToken ? { nextToken } : {}) }));
      ids.push(...(page.events ?? []).map(({ id }) => id ?? 0));
      nextToken = page.nextToken;
    } while (nextToken);
    const reversed = await client.send(new GetExecutionHistoryCommand({ executionArn, reverseOrder: true }));

    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(reversed.events?.map(({ type }) => type).slice(0, 2)).toEqual(['ExecutionSucceeded', 'PassStateExited']);
    expect(reversed.events?.[0]?.executionSucceededEventDetails?.output).toBe('{}');
    expect(reversed.events?.at(-1)?.executionStartedEventDetails).toMatchObject({ input: '{}', inputDetails: { truncated: false } });
  });

  it('are listed newest first, by status', async () => {
    const stateMachineArn = await create('listed', passing);
    for (const name of ['one', 'two', 'three']) await client.send(new StartExecutionCommand({ stateMachineArn, name }));
    const { executions, nextToken } = await client.send(
      new ListExecutionsCommand({ stateMachineArn, maxResults: 2, statusFilter: 'SUCCEEDED' }),
    );
    const rest = await client.send(new ListExecutionsCommand({ stateMachineArn, nextToken, statusFilter: 'SUCCEEDED' }));
    expect([...(executions ?? []), ...(rest.executions ?? [])].map(({ name }) => name)).toEqual(['three', 'two', 'one']);
    expect((await client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING' }))).executions).toEqual([]);
  });

  it('of an Express machine can be awaited', async () => {
    const stateMachineArn = await create('express', passing, { type: 'EXPRESS' });
    const done = await client.send(new StartSyncExecutionCommand({ stateMachineArn, input: '{"x":1}', name: 'n' }));
    expect(done).toMatchObject({ status: 'SUCCEEDED', output: '{"got":{"x":1}}', name: 'n' });
    expect(done.executionArn).toMatch(/:express:express:n:/);
    const standard = await create('standard', passing);
    await expect(client.send(new StartSyncExecutionCommand({ stateMachineArn: standard }))).rejects.toMatchObject({
      name: 'StateMachineTypeNotSupported',
    });
  });

  it('keep the definition they started with', async () => {
    const stateMachineArn = await create('changed', waiting);
    const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn }));
    await client.send(new UpdateStateMachineCommand({ stateMachineArn, definition: passing }));
    expect((await client.send(new DescribeStateMachineForExecutionCommand({ executionArn }))).definition).toBe(waiting);
  });

  it('are refused for a bad input, a missing machine, a bad ARN', async () => {
    const stateMachineArn = await create('inputs', passing);
    const start = (input: { stateMachineArn: string; input?: string; name?: string }) => client.send(new StartExecutionCommand(input));
    await expect(start({ stateMachineArn, input: '{' })).rejects.toMatchObject({ name: 'InvalidExecutionInput' });
    await expect(start({ stateMachineArn, input: JSON.stringify('x'.repeat(262_145)) })).rejects.toMatchObject({
      name: 'InvalidExecutionInput',
    });
    await expect(start({ stateMachineArn, name: 'no/slash' })).rejects.toMatchObject({ name: 'InvalidName' });
    await expect(start({ stateMachineArn: `${stateMachineArn}x` })).rejects.toMatchObject({ name: 'StateMachineDoesNotExist' });
    await expect(start({ stateMachineArn: 'nonsense' })).rejects.toMatchObject({ name: 'InvalidArn' });
    await expect(
      client.send(new DescribeExecutionCommand({ executionArn: 'arn:aws:states:us-east-1:111111111111:execution:inputs:none' })),
    ).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
  });
});

describe('task tokens', () => {
  it('are answered, beaten for and refused', async () => {
    const ask = {
      ...invoke('ask', { token: '{% $states.context.Task.Token %}' }, { TimeoutSeconds: 100 }),
      Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
      Output: '{% $states.result %}',
    };
    const stateMachineArn = await create('asking', text(sequence({ Ask: ask })));
    const first = await client.send(new StartExecutionCommand({ stateMachineArn }));
    const second = await client.send(new StartExecutionCommand({ stateMachineArn }));
    await settle();
    const [one = '', two = ''] = tokens;
    await client.send(new SendTaskHeartbeatCommand({ taskToken: one }));
    await client.send(new SendTaskSuccessCommand({ taskToken: one, output: '{"yes":true}' }));
    await client.send(new SendTaskFailureCommand({ taskToken: two, error: 'No', cause: 'because' }));

    expect(await client.send(new DescribeExecutionCommand({ executionArn: first.executionArn }))).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"yes":true}',
    });
    expect(await client.send(new DescribeExecutionCommand({ executionArn: second.executionArn }))).toMatchObject({
      status: 'FAILED',
      error: 'No',
      cause: 'because',
    });
    await expect(client.send(new SendTaskSuccessCommand({ taskToken: one, output: '{}' }))).rejects.toMatchObject({ name: 'TaskTimedOut' });
    await expect(client.send(new SendTaskSuccessCommand({ taskToken: 'x', output: '{}' }))).rejects.toMatchObject({ name: 'InvalidToken' });
  });
});

describe('a request that names another host', () => {
  /** `fetch` does not let a request name another host than it goes to. */
  const listWith = (host: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { host, 'x-amz-target': 'AWSStepFunctions.ListStateMachines' };
      request(endpoint.url, { method: 'POST', headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      })
        .on('error', reject)
        .end('{}');
    });

  it.each(['evil.example', 'evil.example:8083', 'localhost.evil.example', '127.0.0.1.evil.example', 'sync-evil.example'])(
    '%s: is refused, for it can be from a web page whose name was made to point here',
    async (host) => expect(await listWith(host)).toBe(400),
  );

  it.each(['localhost', 'LOCALHOST:8083', '127.0.0.1:8083', '[::1]:8083', 'sync-localhost:8083', 'sync-127.0.0.1:8083'])(
    '%s: is answered',
    async (host) => expect(await listWith(host)).toBe(200),
  );
});

describe('malformed requests', () => {
  const post = async (target: string | undefined, body: string | Uint8Array<ArrayBuffer>, method = 'POST') => {
    const response = await fetch(endpoint.url, {
      method,
      headers: target === undefined ? {} : { 'x-amz-target': target },
      ...(method === 'POST' ? { body } : {}),
    });
    return { status: response.status, ...((await response.json()) as { __type: string }) };
  };

  it.each([
    ['no operation', undefined, '{}', 'UnknownOperationException'],
    ['an unknown operation', 'AWSStepFunctions.Nothing', '{}', 'UnknownOperationException'],
    ['another service', 'DynamoDB_20120810.GetItem', '{}', 'UnknownOperationException'],
    ['a body that is no JSON', 'AWSStepFunctions.StartExecution', '{"a"', 'SerializationException'],
    ['a body that is no object', 'AWSStepFunctions.StartExecution', '[]', 'SerializationException'],
    ['a missing member', 'AWSStepFunctions.StartExecution', '{}', 'ValidationException'],
    ['a member of another type', 'AWSStepFunctions.StartExecution', '{"stateMachineArn": 7}', 'ValidationException'],
    [
      'a member that is a prototype',
      'AWSStepFunctions.DescribeExecution',
      '{"executionArn": "arn:x", "__proto__": {"a": 1}}',
      'ExecutionDoesNotExist',
    ],
    ['a forged page token', 'AWSStepFunctions.ListStateMachines', '{"nextToken": "page:1"}', 'InvalidToken'],
    ['a body that is too large', 'AWSStepFunctions.StartExecution', 'x'.repeat(5 * 1024 * 1024), 'ValidationException'],
  ])('%s', async (_, target, body, name) => {
    expect(await post(target, body)).toMatchObject({ status: 400, __type: name });
  });

  it('leave the endpoint answering', async () => {
    expect(await post(undefined, '', 'GET')).toMatchObject({ status: 400 });
    await post('AWSStepFunctions.StartExecution', new Uint8Array([0xff, 0xfe, 0x00]));
    expect((await client.send(new ListStateMachinesCommand({}))).stateMachines).toBeDefined();
  });
});
