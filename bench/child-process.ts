// Child processes of the benchmarks: started, waited for, and stopped by their process id.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** ms that a child has to end itself before it is killed. */
const DEFAULT_GRACE_MS = 5_000;
/** ms that a child has to say its first line. */
const START_MS = 20_000;

export interface Child {
  process: ChildProcess;
  /** Asks it to end, kills it when it does not; resolves when it is gone. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** Added to this process's environment. */
  env?: NodeJS.ProcessEnv;
  /** What becomes of its output. Default `pipe`. */
  out?: 'pipe' | 'ignore';
  /** What becomes of its errors. Default: they are this process's. */
  err?: 'inherit' | 'ignore';
  /** ms between asking it to end and killing it. */
  graceMs?: number;
}

/** Starts a program. */
export function startChild(
  command: string,
  args: string[],
  { env = {}, out = 'pipe', err = 'inherit', graceMs = DEFAULT_GRACE_MS }: ChildOptions = {},
): Child {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', out, err] });
  return { process: child, stop: () => stop(child, graceMs) };
}

/** Starts a TypeScript file of ours with Node and reads the `{"port": n}` that it prints when it is ready. */
export async function startServer(file: URL, env: NodeJS.ProcessEnv = {}): Promise<Child & { port: number }> {
  const child = startChild(process.execPath, [fileURLToPath(file)], { env });
  const output = child.process.stdout;
  if (output === null) throw new Error(`${file.pathname} has no output to read`);
  const lines = createInterface({ input: output });
  const signal = AbortSignal.timeout(START_MS);
  try {
    const [line] = await Promise.race([once(lines, 'line', { signal }), once(child.process, 'exit', { signal })]);
    return { ...child, port: portOf(line, file) };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}

function portOf(line: unknown, file: URL): number {
  const message: unknown = typeof line === 'string' ? JSON.parse(line) : null;
  if (typeof message === 'object' && message !== null && 'port' in message && typeof message.port === 'number') return message.port;
  throw new Error(`${file.pathname} ended, or said something else than {"port": n} first`);
}

async function stop(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const late = await Promise.race([gone.then(() => false), wait(graceMs, true, { ref: false })]);
  if (late) {
    child.kill('SIGKILL');
    await gone;
  }
}
