import { afterEach, describe, expect, it } from 'vitest';
import type { Caller, CallRequest } from '../../shared/calls/index.ts';
import type { ServiceConfig } from '../../shared/protocol/step-message.ts';
import { bodyOf, brief, closeAll, deadPort, httpServer, newCaller, RUN_ID, rawServer, request } from './support.ts';

afterEach(closeAll);

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
}

interface Invocation {
  url: string;
  body: string;
  context: string;
}

/** The Invoke API of Lambda, as far as a call needs it. */
async function lambdaApi(answer: (invocation: Invocation) => Answer | undefined): Promise<{ port: number; invocations: Invocation[] }> {
  const invocations: Invocation[] = [];
  const port = await httpServer(async (incoming, response) => {
    const context = Buffer.from(String(incoming.headers['x-amz-client-context'] ?? ''), 'base64').toString('utf8');
    const invocation = { url: incoming.url ?? '', body: await bodyOf(incoming), context };
    invocations.push(invocation);
    const made = answer(invocation);
    if (made) response.writeHead(made.status ?? 200, { 'x-amzn-requestid': 'req-1', ...made.headers }).end(made.body ?? '');
  });
  return { port, invocations };
}

function callerFor(port: number, variables: Record<string, string> = {}): Caller {
  return newCaller(variables, {
    lambda: { region: 'eu-central-1', endpoint: `http://127.0.0.1:${port}`, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
  });
}

const invoke = (more: Partial<CallRequest> = {}, service: Partial<ServiceConfig> = {}): CallRequest =>
  request({ name: 'stock', type: 'lambda', endpoint: ['reserve-stock'], ...service }, { input: { sku: 'a' }, ...more });

/** An error as the Lambda API sends it. */
const apiError = (status: number, type: string): Answer => ({
  status,
  headers: { 'x-amzn-errortype': type, 'content-type': 'application/json' },
  body: '{"Message":"because"}',
});

describe('calling a Lambda function', () => {
  it('hands over the input alone, and the names of the run in the client context', async () => {
    const { port, invocations } = await lambdaApi(() => ({ body: '{"ok":[1,null]}' }));

    const outcome = await callerFor(port).call(invoke());

    expect(brief(outcome)).toEqual({ outcome: 'done', value: { ok: [1, null] } });
    expect(invocations[0]).toMatchObject({ url: '/2015-03-31/functions/reserve-stock/invocations', body: '{"sku":"a"}' });
    expect(JSON.parse(invocations[0]?.context ?? '')).toMatchObject({
      custom: { 'idempotency-key': `${RUN_ID}/0001`, 'x-maestro-run-id': RUN_ID },
    });
  });

  it('hands over method, input and headers where a method is named', async () => {
    const { port, invocations } = await lambdaApi(() => ({ body: 'null' }));

    const outcome = await callerFor(port).call(
      invoke({ method: ['reserve'], input: null }, { headers: [{ name: 'X-Tenant', value: ['acme'] }] }),
    );

    expect(brief(outcome)).toEqual({ outcome: 'done', value: null });
    expect(JSON.parse(invocations[0]?.body ?? '')).toMatchObject({
      method: 'reserve',
      input: null,
      headers: { 'x-tenant': 'acme', 'idempotency-key': `${RUN_ID}/0001`, 'x-maestro-step-id': 'order' },
    });
  });

  it('needs no account where a stand-in is named', async () => {
    const { port } = await lambdaApi(() => ({ body: '"ok"' }));

    const outcome = await newCaller({}, { lambda: { endpoint: `http://127.0.0.1:${port}` } }).call(invoke());

    expect(brief(outcome)).toEqual({ outcome: 'done', value: 'ok' });
  });

  it('has null for a function that answers nothing', async () => {
    const { port } = await lambdaApi(() => ({}));

    expect(brief(await callerFor(port).call(invoke()))).toEqual({ outcome: 'done', value: null });
  });

  it('takes an ARN with an alias', async () => {
    const { port, invocations } = await lambdaApi(() => ({ body: '1' }));

    await callerFor(port).call(invoke({}, { endpoint: ['arn:aws:lambda:eu-central-1:123456789012:function:stock:live'] }));

    expect(decodeURIComponent(invocations[0]?.url ?? '')).toContain('arn:aws:lambda:eu-central-1:123456789012:function:stock:live');
  });

  it('does not know the outcome of a function that failed, quotes what it said, and leaves out its stack', async () => {
    const body = JSON.stringify({ errorType: 'OutOfStock', errorMessage: 'none left of canary-token-1', trace: ['at secret-place'] });
    const { port } = await lambdaApi(() => ({ headers: { 'x-amz-function-error': 'Unhandled' }, body }));

    const outcome = await callerFor(port, { TOKEN: 'canary-token-1' }).call(
      invoke({ method: ['m'] }, { headers: [{ name: 'auth', value: [{ secret: 'TOKEN' }] }] }),
    );

    expect(outcome).toMatchObject({
      outcome: 'unknown',
      error: 'Maestro.ServiceRejected',
      detail: { status: 'Unhandled', requestId: 'req-1' },
    });
    expect(outcome).toMatchObject({ detail: { body: '{"errorType":"OutOfStock","errorMessage":"none left of [secret.TOKEN]"}' } });
    expect(JSON.stringify(outcome)).not.toContain('secret-place');
  });

  it('is performed but unusable when the answer is not JSON', async () => {
    const { port } = await lambdaApi(() => ({ body: 'ok' }));

    expect(brief(await callerFor(port).call(invoke()))).toEqual({ outcome: 'unusable', error: 'Maestro.BadResponse' });
  });

  it.each<[status: number, type: string, outcome: string, error: string]>([
    [429, 'TooManyRequestsException', 'not_performed', 'Maestro.ServiceUnavailable'],
    [502, 'EC2ThrottledException', 'not_performed', 'Maestro.ServiceUnavailable'],
    [409, 'ResourceConflictException', 'not_performed', 'Maestro.ServiceUnavailable'],
    [404, 'ResourceNotFoundException', 'not_performed', 'Maestro.ServiceRejected'],
    [403, 'AccessDeniedException', 'not_performed', 'Maestro.ServiceRejected'],
    [413, 'RequestTooLargeException', 'not_performed', 'Maestro.ServiceRejected'],
    [500, 'ServiceException', 'unknown', 'Maestro.ServiceUnavailable'],
  ])('takes %i %s as %s, %s, and tries once', async (status, type, outcome, error) => {
    const { port, invocations } = await lambdaApi(() => apiError(status, type));

    const result = await callerFor(port).call(invoke());

    expect(brief(result)).toEqual({ outcome, error });
    expect(invocations).toHaveLength(1);
  });

  it('is not performed when Lambda cannot be reached', async () => {
    expect(brief(await callerFor(await deadPort()).call(invoke()))).toEqual({
      outcome: 'not_performed',
      error: 'Maestro.ServiceUnavailable',
    });
  });

  it('is unknown when the connection breaks, when the time passes and when it is stopped', async () => {
    const broken = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(brief(await callerFor(broken).call(invoke()))).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });

    const stop = new AbortController();
    const silent = await lambdaApi(({ body }) => {
      if (body.includes('stop')) stop.abort(Object.assign(new Error('stop'), { name: 'Maestro.Cancelled' }));
      return undefined;
    });
    const caller = callerFor(silent.port);
    expect(brief(await caller.call(invoke({ timeoutMs: 150 })))).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceTimeout' });
    expect(brief(await caller.call(invoke({ input: 'stop' }), stop.signal))).toEqual({ outcome: 'unknown', error: 'Maestro.Cancelled' });
    expect(brief(await caller.call(invoke(), stop.signal))).toEqual({ outcome: 'not_performed', error: 'Maestro.Cancelled' });
  });

  it('calls a function that data names only where allow_hosts has it', async () => {
    const { port, invocations } = await lambdaApi(() => ({ body: '1' }));
    const caller = callerFor(port);

    const refused = await caller.call(invoke({}, { endpoint: [{ v: 'other' }], allowHosts: ['reserve-stock'] }));
    const allowed = await caller.call(invoke({}, { endpoint: [{ v: 'reserve-stock' }], allowHosts: ['reserve-stock'] }));

    expect(brief(refused)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
    expect(brief(allowed)).toEqual({ outcome: 'done', value: 1 });
    expect(invocations).toHaveLength(1);
  });
});
