// `PUT /workflows/NAME` where it is allowed: state machines, versions and aliases made through the real client, and runs of them.

import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { GatewayRequest, GatewayResponse } from './gateway.ts';
import { ORDER, PATIENT } from './workflows.ts';
import { type AwsWorld, startAws } from './world.ts';

const OPERATOR = 'arn:aws:iam::123456789012:role/operator';
const RUNS = '/svc/api/v2/orchestrate/run';
const MACHINE = 'arn:aws:states:us-east-1:123456789012:stateMachine:Test-Deployed-patient';
let world: AwsWorld;

beforeAll(async () => {
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(() => true);
  world = await startAws([ORDER], { allowDeploy: true });
});
afterAll(async () => {
  await world.close();
  vi.restoreAllMocks();
});
beforeEach(() => {
  world.calls.length = 0;
  world.front.asked.length = 0;
  world.front.refuse.clear();
});

const ask = (sent: GatewayRequest): Promise<GatewayResponse> => world.request({ userArn: OPERATOR, ...sent });

const put = (name: string, text: string): Promise<GatewayResponse> =>
  ask({ method: 'PUT', path: `/svc/api/v2/workflows/${name}`, body: text, headers: { 'Content-Type': 'application/yaml' } });

const asked = (): string[] => world.front.asked.map(({ operation }) => operation).filter((name) => /StateMachine/.test(name));

async function start(body: object): Promise<{ run_id: string; status: string; error: { error: string } | null }> {
  const answer = await ask({ method: 'POST', path: RUNS, body });
  return ((await answer.json()) as unknown as { data: { run_id: string; status: string; error: { error: string } | null } }).data;
}

async function until(runId: string, status: string): Promise<void> {
  await eventually(async () => {
    const told = (await (await ask({ path: `${RUNS}/${runId}` })).json()) as unknown as { data: { status: string } };
    expect(told.data.status).toBe(status);
  });
}

describe('deploying', () => {
  it('makes what undoes first, then the machine, each with a version and an alias; then it can be run', async () => {
    const answer = await put('patient', PATIENT);
    expect(answer.statusCode).toBe(200);
    expect(asked()).toEqual([
      'CreateStateMachine',
      'PublishStateMachineVersion',
      'CreateStateMachineAlias',
      'CreateStateMachine',
      'PublishStateMachineVersion',
      'CreateStateMachineAlias',
    ]);
    expect(world.front.asked.find(({ operation }) => operation === 'CreateStateMachine')?.body).toMatchObject({
      name: 'Test-Deployed-patient-undo',
      roleArn: 'arn:aws:iam::123456789012:role/deployed',
    });
    const { run_id } = await start({ workflow: 'patient', mode: 'async' });
    await eventually(() => expect(world.calls).toEqual(['POST /book']));
    await ask({ method: 'POST', path: `${RUNS}/${run_id}/cancel`, body: { force: true } });
  });

  it('again leads the alias to the next version', async () => {
    expect((await put('patient', PATIENT.replace('version: "1"', 'version: "2"'))).statusCode).toBe(200);
    expect(asked()).toContain('UpdateStateMachine');
    expect(asked()).toContain('UpdateStateMachineAlias');
    expect(world.front.aliases.get(`${MACHINE}:live`)).toBe(`${MACHINE}:2`);
    expect(await (await ask({ path: '/svc/api/v2/workflows/patient' })).json()).toMatchObject({ version: '2' });
  });

  it('that died half way is finished by the same request', async () => {
    const text = PATIENT.replace('name: patient', 'name: halfway');
    world.front.refuse.set('PublishStateMachineVersion', { name: 'ConflictException', times: 1 });
    expect((await put('halfway', text)).statusCode).toBe(409);
    expect((await ask({ path: '/svc/api/v2/workflows/halfway' })).statusCode).toBe(404);
    world.front.refuse.clear();
    expect((await put('halfway', text)).statusCode).toBe(200);
  });

  it.each([
    ['a workflow of the stack', 'order', ORDER.replace(/triggers:[\s\S]*?steps:/, 'steps:'), 409],
    ['triggers, which only the stack can make', 'other', ORDER.replace('name: order', 'name: other'), 422],
    ['a file with mistakes', 'wrong', 'name: wrong\nversion: "1"\nsteps: []\n', 422],
    ['a name that has no room behind the prefix', 'n'.repeat(64), PATIENT.replace('name: patient', `name: ${'n'.repeat(64)}`), 422],
  ])('%s is refused, and nothing is made', async (_, name, text, status) => {
    expect((await put(name, text)).statusCode).toBe(status);
    expect(asked()).toEqual([]);
  });
});

describe('removing', () => {
  it('takes the workflow away; a run of it goes on and is undone', async () => {
    const { run_id } = await start({ workflow: 'patient', mode: 'async' });
    await eventually(() => expect(world.calls).toEqual(['POST /book']));
    const { executionArn } = world.front.asked
      .filter(({ operation, body }) => operation === 'StartExecution' && body['name'] === run_id)
      .map(({ body }) => ({
        executionArn: `${String(body['stateMachineArn']).replace(':stateMachine:', ':execution:')}:${run_id}`,
      }))[0] ?? {
      executionArn: '',
    };
    await eventually(async () =>
      expect(await (await ask({ path: `${RUNS}/${run_id}` })).json()).toMatchObject({
        data: { steps: [{ step_id: 'book', status: 'done' }] },
      }),
    );

    expect((await ask({ method: 'DELETE', path: '/svc/api/v2/workflows/patient' })).statusCode).toBe(204);
    expect((await ask({ path: '/svc/api/v2/workflows/patient' })).statusCode).toBe(404);
    expect((await ask({ method: 'POST', path: RUNS, body: { workflow: 'patient' } })).statusCode).toBe(404);
    await world.engine.stopExecution({ executionArn });

    await until(run_id, 'compensated');
    expect(world.calls).toEqual(['POST /book', 'DELETE /book']);
    expect((await ask({ method: 'DELETE', path: '/svc/api/v2/workflows/patient' })).statusCode).toBe(404);
    expect((await ask({ method: 'DELETE', path: '/svc/api/v2/workflows/order' })).statusCode).toBe(409);
  });

  it('does not keep it from being deployed again', async () => {
    expect((await put('patient', PATIENT)).statusCode).toBe(200);
    expect((await ask({ path: '/svc/api/v2/workflows/patient' })).statusCode).toBe(200);
  });
});
