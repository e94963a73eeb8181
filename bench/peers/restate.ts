// Restate: its server and its TypeScript SDK, both from npm, each in a process of its own.
// The settings that matter are in restate.toml.

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { type Child, freePort, startChild, startServer } from '../child-process.ts';
import type { BenchContext, Contestant } from '../contestant.ts';

const CONFIG = fileURLToPath(new URL('./restate.toml', import.meta.url));
/** How long the server may take until it takes calls, ms. */
const READY_MS = 60_000;

/** Makes the contestant. Its server's data are in the context's folder. */
export function restate({ mockUrl, folder }: BenchContext): Contestant {
  const children: Child[] = [];
  let ingress: Pool | undefined;
  return {
    name: 'Restate',
    setup: 'restate-server with one partition, fsync on each append; handlers in their own process',
    async start() {
      const endpoint = await startServer(new URL('./restate-endpoint.ts', import.meta.url), { MOCK_URL: mockUrl });
      children.push(endpoint);
      const [node, admin, calls] = [await freePort(), await freePort(), await freePort()];
      children.push(
        startChild(serverBinary(), ['--no-logo', '--config-file', CONFIG], { env: serverEnv(folder, node, admin, calls), out: 'ignore' }),
      );
      await register(`http://127.0.0.1:${admin}`, `http://127.0.0.1:${endpoint.port}`);
      ingress = new Pool(`http://127.0.0.1:${calls}`, { connections: 64 });
      await firstCall(ingress);
    },
    async run(shape) {
      if (ingress === undefined) throw new Error('restate: run before start');
      const { statusCode, body } = await ingress.request({ path: `/bench/${shape}`, method: 'POST' });
      await body.dump();
      const expected = shape === 'saga' ? 422 : 200;
      // A handler without a result answers 200 or 204, by version.
      if (statusCode !== expected && !(expected === 200 && statusCode === 204)) {
        throw new Error(`restate: ${shape} answered ${statusCode}, expected ${expected}`);
      }
    },
    async close() {
      await ingress?.close();
      for (const child of children.reverse()) await child.stop();
    },
  };
}

function serverEnv(folder: string, node: number, admin: number, calls: number): NodeJS.ProcessEnv {
  return {
    RESTATE_BASE_DIR: join(folder, 'restate'),
    RESTATE_NODE_NAME: 'bench',
    RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
    RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${calls}`,
  };
}

/** The server is a plain program inside an optional package per platform. Throws when there is none for this one. */
function serverBinary(): string {
  const require = createRequire(import.meta.url);
  const near = createRequire(require.resolve('@restatedev/restate-server/package.json'));
  return join(
    dirname(near.resolve(`@restatedev/restate-server-${process.platform}-${process.arch}/package.json`)),
    'bin',
    'restate-server',
  );
}

/** Tells the server where the handlers are, as soon as it listens. */
async function register(admin: string, uri: string): Promise<void> {
  const body = JSON.stringify({ uri });
  await untilReady('the admin API', async () => {
    const answer = await fetch(`${admin}/deployments`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    return answer.ok ? null : `status ${answer.status}: ${(await answer.text()).slice(0, 200)}`;
  });
}

/** The ingress learns of new handlers a moment after the admin API. */
async function firstCall(ingress: Pool): Promise<void> {
  await untilReady('the ingress', async () => {
    const { statusCode, body } = await ingress.request({ path: '/bench/sequence', method: 'POST' });
    await body.dump();
    return statusCode < 300 ? null : `status ${statusCode}`;
  });
}

async function untilReady(what: string, attempt: () => Promise<string | null>): Promise<void> {
  const end = Date.now() + READY_MS;
  let problem: string | null = 'never asked';
  while (Date.now() < end) {
    problem = await attempt().catch((error: unknown) => (error instanceof Error ? error.message : 'failed'));
    if (problem === null) return;
    await wait(100);
  }
  throw new Error(`restate: ${what} was not ready after ${READY_MS} ms: ${problem}`);
}
