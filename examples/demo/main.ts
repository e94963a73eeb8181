// The main job, start to end, on real services: a deployment that works, one whose fourth step is refused and that is undone in order, and
// what the records say afterwards. Run by `npm run demo`; exits 1 when anything is not as it should be.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startDemoServices } from '../services/index.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const WORKFLOW = 'examples/deploy-service/workflow.yaml';
const INPUT = 'examples/deploy-service/input.json';

/** Runs the command line as a user would and shows what it prints. */
async function maestro(...args: string[]): Promise<number> {
  console.log(`\n$ maestro ${args.map((arg) => arg.replace(dataFolder, '.maestro')).join(' ')}`);
  const { status } = await run(args, (text) => process.stdout.write(text));
  return status;
}

/** What a command prints. */
async function silently(...args: string[]): Promise<string> {
  return (await run(args, () => {})).output;
}

function run(args: string[], show: (text: string) => void): Promise<{ status: number; output: string }> {
  return new Promise((resolve, reject) => {
    const launcher = path.join(ROOT, 'bin', 'maestro.js');
    const child = spawn(process.execPath, [launcher, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      show(text);
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

function expect(holds: boolean, what: string): void {
  if (holds) return;
  console.error(`demo: ${what}`);
  process.exitCode = 1;
}

const dataFolder = await mkdtemp(path.join(tmpdir(), 'maestro-demo-'));
const services = await startDemoServices();
try {
  console.log(`Five services are up: HTTP at ${services.url}, gRPC at ${services.grpcAddress}.`);

  console.log('\n1. A deployment that works.');
  const good = await maestro('execute', WORKFLOW, '--input', `@${INPUT}`, '--data', dataFolder);
  expect(good === 0, `the first run should end well, exit status ${good}`);

  console.log('\n2. The same again, but the load balancer refuses the fourth call.');
  services.control.misbehave({ match: 'step:register_target', mode: 'reject', message: 'the target group is full' });
  const callsBefore = services.control.log().length;
  const bad = await maestro('execute', WORKFLOW, '--input', `@${INPUT}`, '--data', dataFolder);
  expect(bad === 1, `the second run should fail, exit status ${bad}`);

  console.log('\nWhat the services saw of the second run:');
  const seen = services.control.log().slice(callsBefore);
  for (const call of seen) console.log(`  ${call.operation}`);
  expect(
    seen
      .map((call) => call.operation)
      .join(' ')
      .endsWith('Undeploy DestroyInstance'),
    'the deployment and the instance should be undone, last first',
  );

  console.log('\n3. What is on record.');
  await maestro('runs', '--data', dataFolder);
  const { data: runs } = JSON.parse(await silently('runs', '--data', dataFolder, '--json')) as { data: { id: string; status: string }[] };
  const [newest] = runs;
  expect(
    runs.map((run) => run.status).join() === 'compensated,completed',
    'there should be a compensated run and a completed one, newest first',
  );
  if (newest) await maestro('get', newest.id, '--data', dataFolder);
} finally {
  await services.close();
  await rm(dataFolder, { recursive: true, force: true });
}
