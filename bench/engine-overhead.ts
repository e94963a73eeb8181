// What the embedded engine itself costs: µs of wall time per step with functions in this process that do nothing, on a database that
// flushes every commit. Run: node bench/engine-overhead.ts [seconds per case]
//
// Not measured: HTTP, the step function, the records. `bench/` has the whole path beside its peers.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createEngine, type Engine } from '../local/engine/index.ts';
import { systemClock } from '../shared/clock.ts';
import type { JsonObject } from '../shared/json.ts';
import { openDatabase } from '../shared/store/database.ts';

const STEPS = 5;
const seconds = Number(process.argv[2] ?? 3);
const folder = mkdtempSync(path.join(tmpdir(), 'engine-overhead-'));
const database = openDatabase({ path: path.join(folder, 'bench.sqlite') });
const lambda = Object.assign(
  async () => {
    await database.committed();
    return { payload: { ok: true, id: 'abc-123', total: 12.5 } };
  },
  { inProcess: true },
);
const engine = createEngine({ database, clock: systemClock, ids: { uuid: randomUUID, random: Math.random }, lambda });

/** The shape that the compiler emits for a call. */
function call(i: number): JsonObject {
  const payload = {
    v: 1,
    op: 'call',
    run: '{% [$states.context.Execution.Id, $states.context.Execution.StartTime] %}',
    step: `step-${i}`,
    at: `000${i}`,
    attempt: '{% $states.context.State.RetryCount %}',
    limit: 3_600_000,
    service: { name: 'orders', type: 'http', endpoint: ['http://127.0.0.1:9999'] },
    verb: 'POST',
    method: ['/orders'],
    input: {
      id: '{% $states.context.Execution.Input.id %}',
      previous: i === 0 ? null : `{% $o${i - 1}.total + 1 %}`,
      note: "{% 'order ' & $states.context.Execution.Input.id %}",
    },
  };
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:step', Payload: payload },
    TimeoutSeconds: 60,
    Retry: [{ ErrorEquals: ['Busy'], IntervalSeconds: 1, MaxAttempts: 2 }],
    Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Failed' }],
    Output: '{% $states.result.Payload %}',
    Assign: { [`o${i}`]: '{% $states.result.Payload %}' },
    ...(i === STEPS - 1 ? { End: true } : { Next: `Step${i + 1}` }),
  };
}

const states: JsonObject = { Failed: { Type: 'Fail', Error: 'Failed' } };
for (let i = 0; i < STEPS; i++) states[`Step${i}`] = call(i);
const { stateMachineArn } = await engine.createStateMachine({
  name: 'overhead',
  definition: JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'Step0', States: states }),
});

async function one(target: Engine, i: number): Promise<void> {
  const { executionArn } = await target.startExecution({ stateMachineArn, input: { value: { id: `order-${i}`, items: [1, 2, 3] } } });
  const { status, cause } = await target.wait(executionArn);
  if (status !== 'SUCCEEDED') throw new Error(`The benchmark's workflow ended ${status}: ${cause}`);
}

async function measure(atOnce: number): Promise<void> {
  for (let i = 0; i < 300; i++) await one(engine, i);
  const commits = database.commits;
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const end = begun + seconds * 1000;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (performance.now() < end) {
        const started = performance.now();
        await one(engine, latencies.length);
        latencies.push(performance.now() - started);
      }
    }),
  );
  const ms = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const runs = latencies.length;
  const figures = {
    'at once': atOnce,
    'workflows/s': Math.round((runs / ms) * 1000),
    'p50 ms': Number((latencies[runs >> 1] ?? 0).toFixed(3)),
    'p99 ms': Number((latencies[Math.floor(runs * 0.99)] ?? 0).toFixed(3)),
    'cpu µs/step': Number(((user + system) / runs / STEPS).toFixed(1)),
    'commits/workflow': Number(((database.commits - commits) / runs).toFixed(2)),
  };
  console.log(
    Object.entries(figures)
      .map(([name, value]) => `${name} ${value}`)
      .join('  '),
  );
}

await measure(1);
await measure(64);
engine.close();
database.close();
rmSync(folder, { recursive: true, force: true });
