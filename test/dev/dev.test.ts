// `maestro dev` as a process: what it keeps, how it ends, and what it says when it cannot begin.

import { rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Maestro, type RunEvent } from '../../sdk/index.ts';
import { maestro as command, folder } from '../cli/support.ts';
import { type DevProcess, startDev } from '../e2e/support/dev-process.ts';
import { startServices } from '../e2e/support/services.ts';
import { workflowFiles } from '../e2e/support/workflows.ts';
import { eventually } from '../support/eventually.ts';

const ASKS = 'name: asks\nversion: "1"\nsteps:\n  - { id: ask, checkpoint: { title: "Well?", timeout: 1h, on_timeout: fail } }\n';
const SAYS = 'name: says\nversion: "1"\nsteps:\n  - { id: say, set: { word: hello } }\noutput: { word: "{{ .word }}" }\n';

let home: ReturnType<typeof folder>;
let dev: DevProcess | undefined;

beforeEach(() => {
  home = folder({ 'asks.yaml': ASKS });
});

afterEach(async () => {
  await dev?.kill();
  home.remove();
});

async function start(): Promise<Maestro> {
  dev = await startDev({ folder: home.path });
  return new Maestro({ baseUrl: dev.url, apiKey: dev.apiKey });
}

/** Resolves when a workflow is there, or is not. Asked again while files settle: a watched file has no other sign. */
async function untilThere(maestro: Maestro, name: string, there: boolean): Promise<void> {
  await eventually(async () => expect((await maestro.workflows.list()).data.some((workflow) => workflow.name === name)).toBe(there));
}

/** What it said so far: recent entries of its log. */
async function said(): Promise<string> {
  const answer = await fetch(`${dev?.url}/api/v2/logs`, { headers: { authorization: `Bearer ${dev?.apiKey}` } });
  return answer.text();
}

describe('starting', () => {
  test('the first key is kept for its owner alone, and is the same at the next start, as is the address', async () => {
    await start();
    const first = { url: dev?.url, key: dev?.apiKey };
    const { mode } = statSync(join(home.path, '.maestro', 'api-key'));
    await dev?.stop();

    const maestro = await start();

    expect(mode & 0o777).toBe(0o600);
    expect({ url: dev?.url, key: dev?.apiKey }).toEqual(first);
    expect((await maestro.orchestrate.list()).data).toEqual([]);
  });

  test('a port that is taken is said so, with what to do', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = String(typeof address === 'object' && address ? address.port : 0);

    const api = await command(['dev', '--port', port, '--sfn-port', '0'], { cwd: home.path });
    const sfn = await command(['dev', '--port', '0', '--sfn-port', port], { cwd: home.path });
    await new Promise((resolve) => server.close(resolve));

    expect([api.status, sfn.status]).toEqual([2, 2]);
    expect(api.stderr).toMatch(/the API cannot listen there \(it is in use\).*--port; 0 takes a free one/);
    expect(sfn.stderr).toMatch(/the Step Functions API cannot listen there \(it is in use\).*--sfn-port/);
  });
});

describe('Ctrl-C', () => {
  test('ends streams so that they go on with the next process, and answers a start that waits for its run', async () => {
    const maestro = await start();
    const { data } = await maestro.orchestrate.run({ workflow: 'asks', input: {} });
    const events: RunEvent[] = [];
    const open = Promise.withResolvers<void>();
    const following = (async () => {
      for await (const event of maestro.orchestrate.stream(data.run_id)) {
        events.push(event);
        if (event.type === 'checkpoint.waiting') open.resolve();
      }
    })();
    await open.promise;

    expect(await dev?.stop()).toBe(0);
    await start();
    await maestro.orchestrate.resolveCheckpoint(data.run_id, data.pending_checkpoint?.id ?? '', {});
    await following;

    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index + 1));
    expect(events.at(-1)?.envelope?.data.status).toBe('completed');
  });

  test('a start that waits for its run is answered with the run as it then is', async () => {
    writeFileSync(join(home.path, 'waits.yaml'), 'name: waits\nversion: "1"\nsteps:\n  - { id: pause, wait: 1h }\n');
    const maestro = await start();
    const waiting = maestro.orchestrate.run({ workflow: 'waits', input: {} }, {});
    const list = async (): Promise<number> => (await maestro.orchestrate.list({ status: 'running' })).data.length;
    while ((await list()) === 0);

    const [answer, status] = await Promise.all([waiting, dev?.stop()]);

    expect(answer.data.status).toBe('running');
    expect(status).toBe(0);
  });
});

describe('an execution that is stopped past Maestro', () => {
  test('by StopExecution of the Step Functions API is recovered: what was done is undone, once', async () => {
    const services = await startServices();
    try {
      for (const [name, text] of Object.entries(workflowFiles(services.url))) writeFileSync(join(home.path, name), text);
      const maestro = await start();
      const { data } = await maestro.orchestrate.run({ workflow: 'e2e_waits', input: { tag: 't' }, mode: 'async' });
      for await (const event of maestro.orchestrate.stream(data.run_id)) if (event.type === 'step.completed') break;
      const { data: running } = await maestro.orchestrate.get(data.run_id);

      const stopped = await fetch(dev?.sfnUrl ?? '', {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AWSStepFunctions.StopExecution' },
        body: JSON.stringify({ executionArn: running.run.execution, error: 'ByHand', cause: 'a person' }),
      });
      const events: RunEvent[] = [];
      for await (const event of maestro.orchestrate.stream(data.run_id)) events.push(event);

      expect(stopped.status).toBe(200);
      expect(events.at(-1)).toMatchObject({ type: 'run.compensated', envelope: { data: { error: { error: 'ByHand' } } } });
      expect(services.steps('t')).toEqual(['first', 'undo-first']);
    } finally {
      await services.close();
    }
  });
});

describe('a callback', () => {
  test('is asked for at the address at which services reach the API, where that is another', async () => {
    const services = await startServices();
    try {
      for (const [name, text] of Object.entries(workflowFiles(services.url))) writeFileSync(join(home.path, name), text);
      dev = await startDev({ folder: home.path, env: { MAESTRO_API_URL: 'https://tunnel.example/' } });
      const maestro = new Maestro({ baseUrl: dev.url, apiKey: dev.apiKey });
      await maestro.orchestrate.run({ workflow: 'e2e_callback', input: { tag: 't' }, mode: 'async' });

      const { callbackUrl } = await services.arrived('t', 'later');

      expect(callbackUrl).toMatch(/^https:\/\/tunnel\.example\/api\/v2\/callbacks\/run_/);
    } finally {
      await services.close();
    }
  });
});

describe('workflows', () => {
  test('one that was deployed is there after a restart, and one that was removed is not', async () => {
    const before = await start();
    await before.workflows.deploy('says', SAYS);
    await before.workflows.deploy('gone', SAYS.replace('name: says', 'name: gone'));
    await before.workflows.remove('gone');
    await dev?.kill();

    const after = await start();

    expect((await after.workflows.list()).data.map(({ name }) => name)).toEqual(['asks', 'says']);
    expect(await said()).toContain('says: deployed by the API earlier, and still served');
    expect((await after.orchestrate.run({ workflow: 'says', input: {} })).data.output).toEqual({ word: 'hello' });
  });

  test('a file that is saved is compiled again; one with a mistake leaves what was; one that is taken away is no longer started', async () => {
    const maestro = await start();

    writeFileSync(join(home.path, 'says.yaml'), SAYS);
    await untilThere(maestro, 'says', true);
    expect((await maestro.orchestrate.run({ workflow: 'says', input: {} })).data.output).toEqual({ word: 'hello' });

    writeFileSync(join(home.path, 'says.yaml'), SAYS.replace('set:', 'sett:'));
    await eventually(async () => expect(await said()).toContain('says.yaml: not registered; the one before stays in use'));
    expect((await maestro.orchestrate.run({ workflow: 'says', input: {} })).data.output).toEqual({ word: 'hello' });

    rmSync(join(home.path, 'says.yaml'));
    await untilThere(maestro, 'says', false);
    await expect(maestro.orchestrate.run({ workflow: 'says', input: {} })).rejects.toThrow(/there is none of this name/);
  });
});
