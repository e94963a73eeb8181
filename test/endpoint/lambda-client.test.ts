// Functions behind the Lambda Invoke API.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLambdaClient, type LambdaClient } from '../../local/endpoint/index.ts';
import { invoke, sequence, world } from '../engine/support.ts';

let server: Server;
let client: LambdaClient;
let seen: { url: string; body: string }[];
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;

beforeEach(async () => {
  seen = [];
  server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    seen.push({ url: request.url ?? '', body });
    answer(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = createLambdaClient({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const run = (payload: Parameters<typeof invoke>[1], more = {}) => {
  const { engine, ...rest } = world({ lambda: client.lambda });
  return {
    ...rest,
    engine,
    result: engine
      .createStateMachine({
        name: 'm',
        definition: JSON.stringify({ QueryLanguage: 'JSONata', ...sequence({ Call: invoke('f', payload, more) }) }),
      })
      .then(async ({ stateMachineArn }) => engine.wait((await engine.startExecution({ stateMachineArn })).executionArn)),
  };
};

it('sends the payload and gives the parsed answer', async () => {
  answer = (_, response, body) => response.setHeader('x-amzn-requestid', 'r-1').end(JSON.stringify({ echo: JSON.parse(body) }));
  const { output } = await run({ a: [1] }, { Output: '{% $states.result %}' }).result;
  expect(JSON.parse(output ?? '')).toMatchObject({
    Payload: { echo: { a: [1] } },
    StatusCode: 200,
    ExecutedVersion: '$LATEST',
    SdkResponseMetadata: { RequestId: 'r-1' },
  });
  expect(decodeURIComponent(seen[0]?.url ?? '')).toBe('/2015-03-31/functions/arn:aws:lambda:us-east-1:111111111111:function:f/invocations');
});

it('sends a text payload as it stands', async () => {
  answer = (_, response) => response.end('null');
  await run('plain words').result;
  expect(seen[0]?.body).toBe('plain words');
});

it('takes errorType of a function error for the error, its body for the cause', async () => {
  answer = (_, response) =>
    response.setHeader('x-amz-function-error', 'Unhandled').end('{"errorType":"OrderRejected","errorMessage":"no"}');
  expect(await run({}).result).toMatchObject({ error: 'OrderRejected', cause: '{"errorType":"OrderRejected","errorMessage":"no"}' });
});

it('names the service’s refusals Lambda.<Exception>', async () => {
  answer = (_, response) =>
    response.writeHead(404, { 'x-amzn-errortype': 'ResourceNotFoundException' }).end('{"Message":"Function not found"}');
  expect(await run({}).result).toMatchObject({ error: 'Lambda.ResourceNotFoundException' });
  answer = (_, response) => response.writeHead(429).end('{}');
  expect(await run({}).result).toMatchObject({ error: 'Lambda.TooManyRequestsException' });
});

it('says that nothing answers', async () => {
  const nobody = createLambdaClient({ endpoint: 'http://127.0.0.1:9' });
  const here = world({ lambda: nobody.lambda });
  const { stateMachineArn } = await here.engine.createStateMachine({
    name: 'm',
    definition: JSON.stringify({ QueryLanguage: 'JSONata', ...sequence({ Call: invoke('f', {}) }) }),
  });
  const { executionArn } = await here.engine.startExecution({ stateMachineArn });
  expect(await here.engine.wait(executionArn)).toMatchObject({ error: 'Lambda.SdkClientException' });
  await nobody.close();
});

it('lets go of a call whose task has timed out', async () => {
  let closed = false;
  let called = (): void => {};
  const reached = new Promise<void>((resolve) => {
    called = resolve;
  });
  answer = (request, response) => {
    response.once('close', () => {
      closed = true;
    });
    called();
    void request;
  };
  const here = run({}, { TimeoutSeconds: 5 });
  await reached;
  here.clock.next();
  expect(await here.result).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  while (!closed) await new Promise((resolve) => setImmediate(resolve));
  expect(closed).toBe(true);
});
