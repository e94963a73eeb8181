import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DemoServices, startDemoServices } from '../../examples/services/index.ts';
import { type Caller, type CallRequest, createCaller, createEnvironment } from '../../shared/calls/index.ts';
import { systemClock } from '../../shared/clock.ts';
import type { Json } from '../../shared/json.ts';

let demo: DemoServices;
let caller: Caller;

beforeAll(async () => {
  demo = await startDemoServices({ httpPort: 0, grpcPort: 0 });
  caller = createCaller({
    environment: createEnvironment({ kind: 'local', variables: {} }),
    egress: { allowPrivate: true },
    clock: systemClock,
  });
});
afterAll(async () => {
  await caller.close();
  await demo.close();
});
beforeEach(() => demo.control.reset());

const INPUT = { order_id: 'A-1', card: 'card_1', amount_cents: 1250, currency: 'EUR' };

/** The same charge over either transport. */
function charge(transport: 'http' | 'grpc', more: Partial<CallRequest> = {}): CallRequest {
  const http = transport === 'http';
  return {
    service: { name: 'payments', type: transport, endpoint: [http ? demo.url : demo.grpcAddress] },
    ...(http ? { verb: 'POST', method: ['/payments/charges'] } : { method: ['ChargeCard'] }),
    input: INPUT as Json,
    idempotencyKey: 'run_1/0001',
    runId: 'run_1',
    stepId: 'charge',
    attempt: 0,
    traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
    timeoutMs: 5_000,
    ...more,
  };
}

describe.each(['http', 'grpc'] as const)('a workflow that calls over %s', (transport) => {
  test('is understood, and its names arrive', async () => {
    const outcome = await caller.call(charge(transport));

    expect(outcome).toMatchObject({ outcome: 'done', value: { charge_id: 'charge-for-A-1', amount_cents: 1250 } });
    expect(demo.control.log()).toMatchObject([
      { transport, operation: 'ChargeCard', run: 'run_1', step: 'charge', key: 'run_1/0001', input: INPUT, outcome: 'performed' },
    ]);
  });

  test('sees every kind of JSON come through unharmed', async () => {
    const company = { name: 'Änne & Söhne', rates: [0.5, -1, 1e21], open: false, parent: null, deep: [{ a: [] }, {}] };
    const method = transport === 'http' ? { verb: 'PUT', method: ['/crm/leads/x'] } : { method: ['SaveLead'] };
    await caller.call(charge(transport, { ...method, input: { email: 'x', company, score: 0, owner: '' } }));

    expect(demo.control.state()['leads']).toEqual([{ id: 'x', company, score: 0, owner: '' }]);
  });

  test('learns that a refusal did nothing', async () => {
    const outcome = await caller.call(charge(transport, { input: { ...INPUT, card: 'card_declined' } }));

    expect(outcome).toMatchObject({ outcome: 'not_performed', error: 'Maestro.ServiceRejected' });
    expect(demo.control.state()).toEqual({});
  });

  test('does not know what became of a lost answer, and the next try with the same key charges once', async () => {
    demo.control.misbehave({ match: 'ChargeCard', mode: 'lose_answer', times: 1 });

    const first = await caller.call(charge(transport));
    const second = await caller.call(charge(transport, { attempt: 1 }));

    expect(first).toMatchObject({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
    expect(second).toMatchObject({ outcome: 'done', value: { charge_id: 'charge-for-A-1' } });
    expect(demo.control.state()['charges']).toHaveLength(1);
    expect(demo.control.log().map(({ outcome }) => outcome)).toEqual(['answer_lost', 'replayed']);
  });

  test('gives up on a service that stalls', async () => {
    demo.control.misbehave({ match: 'step:charge', mode: 'stall' });

    const outcome = await caller.call(charge(transport, { timeoutMs: 60 }));

    expect(outcome).toMatchObject({ outcome: 'unknown', error: 'Maestro.ServiceTimeout' });
    expect(demo.control.state()).toEqual({});
  });

  test('may try again when the service is down', async () => {
    demo.control.misbehave({ match: '*', mode: 'fail' });

    expect(await caller.call(charge(transport))).toMatchObject({ error: 'Maestro.ServiceUnavailable' });
  });
});
