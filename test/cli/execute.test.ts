import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fiveCalls, folder, type MockService, maestro, saga, startMaestro, startService } from './support.ts';

let service: MockService;
let files: ReturnType<typeof folder>;

beforeEach(async () => {
  service = await startService();
  files = folder({ 'five.yaml': fiveCalls(service.url), 'saga.yaml': saga(service.url) });
});

afterEach(async () => {
  await service.close();
  files.remove();
});

const paths = (): string[] => service.log.map((line) => line.split(' ')[1] ?? '');

it('prints the output of a run that succeeds, and keeps the run on record', async () => {
  const executed = await maestro(['execute', 'five.yaml'], { cwd: files.path });
  const listed = await maestro(['runs', '--json'], { cwd: files.path });
  const id: string = JSON.parse(listed.stdout).data[0].id;
  const shown = await maestro(['get', id, '--json'], { cwd: files.path });

  expect(JSON.parse(executed.stdout)).toEqual({ last: 5 });
  expect(executed.stderr).toMatch(/✓ a .*\n✓ b .*\n✓ c .*\n✓ d .*\n✓ e /);
  expect(executed.status).toBe(0);
  expect(service.log).toEqual(['a', 'b', 'c', 'd', 'e'].map((step, index) => `POST /${step} ${id}/000${index + 1}`));
  expect(JSON.parse(shown.stdout)).toMatchObject({
    object: 'orchestration',
    data: { run_id: id, status: 'completed', output: { last: 5 }, steps: [{ step_id: 'a', status: 'done' }, {}, {}, {}, {}] },
  });
});

it('a failed run ends with status 1 and says what was undone, in order', async () => {
  const told = await maestro(['execute', 'saga.yaml'], { cwd: files.path });
  const json = await maestro(['execute', 'saga.yaml', '--json'], { cwd: files.path });

  expect(told.stderr).toContain('undone, in this order: b, a');
  expect(told.stderr).toContain('Maestro.ServiceRejected at f');
  expect(told.stdout).toBe('');
  expect(JSON.parse(json.stdout).data).toMatchObject({
    status: 'compensated',
    undo: { undone: ['b', 'a'] },
    error: { step: 'f', error: 'Maestro.ServiceRejected' },
  });
  expect(json.stderr).toBe('');
  expect([told.status, json.status]).toEqual([1, 1]);
  expect(paths().slice(0, 5)).toEqual(['/a', '/b', '/fail', '/undo-b', '/undo-a']);
});

it('what a killed process left is finished first, undo included, with the same keys', async () => {
  const hold = service.hold('/b');
  const killed = startMaestro(['execute', 'saga.yaml'], { cwd: files.path });
  await hold.arrived;
  killed.child.kill('SIGKILL');
  await killed.ended;
  hold.release();

  const next = await maestro(['execute', 'five.yaml'], { cwd: files.path });

  expect(next.stderr).toContain('finishing a run that an earlier process left');
  expect(next.stderr).toContain('undone, in this order: b, a');
  expect(next.status).toBe(0);
  expect(paths()).toEqual(['/a', '/b', '/b', '/fail', '/undo-b', '/undo-a', '/a', '/b', '/c', '/d', '/e']);
  expect(service.log[1]).toBe(service.log[2]);
});

it('--no-recover leaves it where it is', async () => {
  const hold = service.hold('/b');
  const killed = startMaestro(['execute', 'saga.yaml'], { cwd: files.path });
  await hold.arrived;
  killed.child.kill('SIGKILL');
  await killed.ended;
  hold.release();

  const next = await maestro(['execute', 'five.yaml', '--no-recover'], { cwd: files.path });
  const listed = await maestro(['runs', '--json'], { cwd: files.path });

  expect(next.status).toBe(0);
  expect(JSON.parse(listed.stdout).data.map(({ status }: { status: string }) => status)).toEqual(['completed', 'running']);
});

it('Ctrl-C cancels the run and undoes what was done', async () => {
  const hold = service.hold('/b');
  const running = startMaestro(['execute', 'saga.yaml'], { cwd: files.path });
  await hold.arrived;
  running.child.kill('SIGINT');
  await running.said('cancelling');
  // The answer must not overtake the cancel on its way to the record.
  await maestro(['runs'], { cwd: files.path });
  hold.release();
  const { status, stderr } = await running.ended;

  expect(stderr).toContain('saga cancelled');
  expect(status).toBe(1);
  expect(paths()).toEqual(['/a', '/b', '/undo-b', '/undo-a']);
});

it('a recorded run is repeated without its services', async () => {
  const recorded = await maestro(['execute', 'five.yaml', '--ephemeral', '--record', 'tape.json'], { cwd: files.path });
  const calls = service.log.length;
  const replayed = await maestro(['execute', 'five.yaml', '--ephemeral', '--replay', 'tape.json'], { cwd: files.path });

  expect(JSON.parse(replayed.stdout)).toEqual(JSON.parse(recorded.stdout));
  expect(replayed.status).toBe(0);
  expect(service.log.length).toBe(calls);
  expect(JSON.parse(readFileSync(join(files.path, 'tape.json'), 'utf8')).calls).toHaveLength(5);
});

it('a reader that goes away does not end the run', async () => {
  const hold = service.hold('/b');
  const running = startMaestro(['execute', 'five.yaml'], { cwd: files.path });
  await hold.arrived;
  running.child.stdout?.destroy();
  running.child.stderr?.destroy();
  hold.release();

  expect((await running.ended).status).toBe(0);
  expect(paths()).toEqual(['/a', '/b', '/c', '/d', '/e']);
});

it('a run beside `dev` is handed to it, and other commands ask it', async () => {
  const dev = startMaestro(['dev', 'saga.yaml', '--port', '0', '--json'], { cwd: files.path });
  await dev.said('"ready"');
  const hold = service.hold('/b');
  const handed = startMaestro(['execute', 'saga.yaml'], { cwd: files.path });
  await hold.arrived;
  const listed = await maestro(['runs', '--json'], { cwd: files.path });
  const { id, status } = JSON.parse(listed.stdout).data[0];
  const cancelling = startMaestro(['cancel', id, '--no-wait'], { cwd: files.path });
  const asked = await cancelling.ended;
  hold.release();
  const ended = await handed.ended;
  dev.child.kill('SIGINT');
  const stopped = await dev.ended;

  expect(handed.child.exitCode).toBe(1);
  expect(ended.stderr).toContain('handed to `maestro dev`');
  expect(ended.stderr).toContain('saga cancelled');
  expect(status).toBe('running');
  expect(asked.status).toBe(0);
  expect(stopped.status).toBe(0);
  expect(paths()).toEqual(['/a', '/b', '/undo-b', '/undo-a']);
});

it('two processes do not hold one folder', async () => {
  const dev = startMaestro(['dev', 'saga.yaml', '--port', '0', '--json'], { cwd: files.path });
  await dev.said('"ready"');

  const second = await maestro(['dev', 'saga.yaml', '--port', '0'], { cwd: files.path });
  dev.child.kill('SIGKILL');
  await dev.ended;
  const third = await maestro(['execute', 'five.yaml'], { cwd: files.path });

  expect(second.stderr).toMatch(/data folder .* `maestro dev` \(pid \d+\) holds it/);
  expect([second.status, third.status]).toEqual([2, 0]);
});
