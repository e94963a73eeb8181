import { logVerbosity, setLogVerbosity, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DemoServices, startDemoServices } from '../../examples/services/index.ts';
import { grpc, http } from './demo-client.ts';

const ACCOUNT = { email: 'a@example.com', name: 'A' };
const INSTANCE = { image: { stringValue: 'base' }, size: { stringValue: 'small' }, region: { stringValue: 'eu' } };

let demo: DemoServices;
const waits: number[] = [];

beforeAll(async () => {
  demo = await startDemoServices({ httpPort: 0, grpcPort: 0, wait: async (delayMs) => void waits.push(delayMs) });
});
afterAll(() => demo.close());
beforeEach(() => {
  demo.control.reset();
  waits.length = 0;
});

function outcomes(): string[] {
  return demo.control.log().map(({ operation, outcome }) => `${operation} ${outcome}`);
}

describe('an operation', () => {
  test('is reached by its route, by its name below /api, and by its name in the envelope', async () => {
    await http(demo.url, 'POST /accounts', ACCOUNT);
    await http(demo.url, 'POST /api/createaccount', { ...ACCOUNT, email: 'b@example.com' });
    await grpc(demo.grpcAddress, 'CreateAccount', { email: { stringValue: 'c@example.com' }, name: { stringValue: 'C' } });

    expect(demo.control.state()['accounts']).toHaveLength(3);
    expect(demo.control.log().map(({ transport, step }) => [transport, step])).toEqual([
      ['http', 'here'],
      ['http', 'here'],
      ['grpc', 'there'],
    ]);
  });

  test('is visible in the state until it is undone, and undoing twice is harmless', async () => {
    const { body } = await http(demo.url, 'PUT /crm/leads/ada%40acme.example', { score: 7 });

    expect(body).toEqual({ lead_id: 'ada@acme.example' });
    expect(demo.control.state()).toEqual({ leads: [{ id: 'ada@acme.example', company: null, score: 7, owner: null }] });

    expect((await http(demo.url, 'DELETE /crm/leads/ada%40acme.example')).body).toEqual({ deleted: true });
    expect((await http(demo.url, 'DELETE /crm/leads/ada%40acme.example')).body).toEqual({ deleted: false });
    expect(demo.control.state()).toEqual({});
  });

  test('takes a query string as input', async () => {
    const { body } = await http(demo.url, 'GET /bureaus/courts/kings?name=Rex%20Doyle');

    expect(body).toEqual({ county: 'kings', cases: [{ docket: 'KI-2020-118' }] });
  });

  test('refuses input that it cannot use, and changes nothing', async () => {
    const answer = await http(demo.url, 'POST /accounts', { email: '' });
    const envelope = await grpc(demo.grpcAddress, 'CreateInstance', {});

    expect(answer).toEqual({ status: 422, body: { error: '"email" must be a text that is not empty' } });
    expect(envelope).toMatchObject({ success: false, error: '"image" must be a text that is not empty' });
    expect(demo.control.state()).toEqual({});
    expect(outcomes()).toEqual(['CreateAccount rejected', 'CreateInstance rejected']);
  });

  test('that does not exist is 404 and UNIMPLEMENTED', async () => {
    expect((await http(demo.url, 'POST /nothing', {})).status).toBe(404);
    await expect(grpc(demo.grpcAddress, 'Nothing', {})).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
  });

  test('a body that is not JSON is 400', async () => {
    const answer = await fetch(`${demo.url}/accounts`, { method: 'POST', body: '{' });

    expect(answer.status).toBe(400);
  });
});

describe('an idempotency key', () => {
  test('performs once and gives the first answer again, over both transports', async () => {
    const first = await http(demo.url, 'POST /accounts', ACCOUNT, 'k1');
    const second = await http(demo.url, 'POST /accounts', ACCOUNT, 'k1');
    const third = await grpc(demo.grpcAddress, 'CreateInstance', INSTANCE, 'k2');
    const fourth = await grpc(demo.grpcAddress, 'CreateInstance', INSTANCE, 'k2');

    expect(second).toEqual(first);
    expect(fourth).toEqual(third);
    expect(third.data).toMatchObject({ fields: { id: { stringValue: 'instance-1' } } });
    expect(outcomes()).toEqual([
      'CreateAccount performed',
      'CreateAccount replayed',
      'CreateInstance performed',
      'CreateInstance replayed',
    ]);
  });

  test('is refused with another input', async () => {
    await http(demo.url, 'POST /accounts', ACCOUNT, 'k');
    const answer = await http(demo.url, 'POST /accounts', { ...ACCOUNT, name: 'B' }, 'k');

    expect(answer.status).toBe(422);
    expect(demo.control.state()['accounts']).toHaveLength(1);
  });

  test('of a refused call is free for another try', async () => {
    demo.control.misbehave({ match: 'CreateAccount', mode: 'reject', times: 1 });

    expect((await http(demo.url, 'POST /accounts', ACCOUNT, 'k')).status).toBe(422);
    expect((await http(demo.url, 'POST /accounts', ACCOUNT, 'k')).status).toBe(200);
  });
});

describe('misbehaviour', () => {
  test('fail answers 503 or UNAVAILABLE as often as told and does nothing', async () => {
    demo.control.misbehave({ match: '*', mode: 'fail', times: 2 });

    expect((await http(demo.url, 'POST /accounts', ACCOUNT)).status).toBe(503);
    await expect(grpc(demo.grpcAddress, 'CreateInstance', INSTANCE)).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(demo.control.state()).toEqual({});
    expect((await http(demo.url, 'POST /accounts', ACCOUNT)).status).toBe(200);
  });

  test('lose_answer does it and breaks off, and the same key then gets the answer', async () => {
    demo.control.misbehave({ match: '*', mode: 'lose_answer', times: 2 });

    await expect(http(demo.url, 'POST /accounts', ACCOUNT, 'k1')).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
    await expect(grpc(demo.grpcAddress, 'CreateInstance', INSTANCE, 'k2')).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(Object.keys(demo.control.state())).toEqual(['instances', 'accounts']);

    expect((await http(demo.url, 'POST /accounts', ACCOUNT, 'k1')).body).toEqual({ account_id: 'account-1' });
    expect((await grpc(demo.grpcAddress, 'CreateInstance', INSTANCE, 'k2')).success).toBe(true);
    expect(demo.control.state()['accounts']).toHaveLength(1);
    expect(demo.control.state()['instances']).toHaveLength(1);
  });

  test('stall never answers and does nothing', async () => {
    demo.control.misbehave({ match: '*', mode: 'stall' });

    await expect(fetch(`${demo.url}/accounts`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(50) })).rejects.toThrow();
    await expect(grpc(demo.grpcAddress, 'CreateInstance', INSTANCE, undefined, 50)).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    });
    expect(demo.control.state()).toEqual({});
    expect(outcomes()).toEqual(['CreateAccount stalled', 'CreateInstance stalled']);
  });

  test('delay does it and answers after the wait', async () => {
    demo.control.misbehave({ match: 'CreateAccount', mode: 'delay', delay_ms: 1234, times: 1 });

    expect((await http(demo.url, 'POST /accounts', ACCOUNT)).status).toBe(200);
    expect(waits).toEqual([1234]);
  });

  test('is aimed at one step, and can let calls through first', async () => {
    demo.control.misbehave({ match: 'step:there', mode: 'reject', skip: 1, message: 'no room' });

    expect((await http(demo.url, 'POST /accounts', ACCOUNT)).status).toBe(200);
    expect((await grpc(demo.grpcAddress, 'CreateInstance', INSTANCE)).success).toBe(true);
    expect(await grpc(demo.grpcAddress, 'CreateInstance', INSTANCE)).toMatchObject({ success: false, error: 'no room' });
  });
});

describe('the control API', () => {
  test('sets rules, shows log and state, and resets', async () => {
    expect((await http(demo.url, 'POST /_control', { match: 'CreateAccount', mode: 'fail', status: 500, times: 1 })).status).toBe(200);
    expect((await http(demo.url, 'POST /accounts', ACCOUNT)).status).toBe(500);
    await http(demo.url, 'POST /accounts', ACCOUNT, 'k');

    expect((await http(demo.url, 'GET /_state')).body).toEqual(demo.control.state());
    expect((await http(demo.url, 'GET /_log')).body).toEqual(demo.control.log());
    expect(demo.control.log()).toHaveLength(2);

    await http(demo.url, 'POST /_reset');

    expect((await http(demo.url, 'GET /_state')).body).toEqual({});
    expect((await http(demo.url, 'GET /_log')).body).toEqual([]);
  });

  test('says what is wrong with a rule, and where', async () => {
    const answer = await http(demo.url, 'POST /_control', { match: 'X', mode: 'explode' });

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error: expect.stringContaining('mode: ') });
  });
});

test('starting on a taken port fails and leaves nothing open', async () => {
  setLogVerbosity(logVerbosity.NONE);
  const port = Number(new URL(demo.url).port);

  await expect(startDemoServices({ httpPort: port, grpcPort: 0 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await expect(startDemoServices({ httpPort: 0, grpcPort: Number(demo.grpcAddress.split(':')[1]) })).rejects.toThrow(/EADDRINUSE|bind/);
});
