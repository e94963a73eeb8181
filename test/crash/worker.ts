// The process that is killed: opens the data folder, takes up what the last one left, starts the runs that are not there yet, and waits for all.
//
// Arguments: data folder, URL of the service, number of runs. It writes `ready` once every run is under way, and `ended` with how they ended.

import { openRuntime } from '../../local/runtime/index.ts';
import { createCaller, createEnvironment } from '../../shared/calls/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { findRun, isFinal } from '../../shared/runs/index.ts';
import { kindOf, registrations, runIdOf } from './workflows.ts';

const [dataFolder = '', url = '', count = '0'] = process.argv.slice(2);
const ids = Array.from({ length: Number(count) }, (_, n) => runIdOf(n));

const opened = await openRuntime(dataFolder, () => ({
  durability: 'process',
  caller: createCaller({
    environment: createEnvironment({ kind: 'local', variables: {} }),
    egress: { allowPrivate: true },
    clock: systemClock,
  }),
  holder: { version: 'test', role: 'execute', urls: {} },
}));
if (opened.kind !== 'holder') throw new Error('the lock of the killed process is still there');
const { runtime } = opened;

await runtime.recover();
const kinds = registrations(url);
await Promise.all(
  ids.map(async (runId, n) => {
    if (await findRun(runtime.runs, runId)) return;
    await runtime.start({ registrations: kinds, workflow: kindOf(n), input: { n }, runId });
  }),
);
process.stdout.write('ready\n');

const statuses = await Promise.all(
  ids.map(async (runId) => {
    const run = await findRun(runtime.runs, runId);
    if (!run || !isFinal(run.status)) await runtime.ended(runId);
    return (await findRun(runtime.runs, runId))?.status;
  }),
);
await runtime.close();
process.stdout.write(`ended ${JSON.stringify(statuses)}\n`);
