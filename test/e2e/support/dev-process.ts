// `maestro dev` as a process of its own, as a person would start it.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const LAUNCHER = join(ROOT, 'bin', 'maestro.js');

export interface DevProcess {
  child: ChildProcess;
  url: string;
  /** Of the Step Functions API. */
  sfnUrl: string;
  apiKey: string;
  /** Runs of an earlier process that go on. */
  left: number;
  /** Everything that it said on standard error. */
  said(): string;
  /** Resolves with its status (or signal) when it has ended. */
  ended: Promise<number | string>;
  /** Ctrl-C. */
  stop(): Promise<number | string>;
  /** kill -9. */
  kill(): Promise<number | string>;
}

export interface DevOptions {
  /** Holds the workflows, and the data in `.maestro`. */
  folder: string;
  durability?: 'power' | 'process';
  /** Added to this process's environment. */
  env?: { [name: string]: string };
}

/** Starts it on free ports, and resolves when it is ready. @throws Error with what it said when it ends before that */
export async function startDev({ folder, durability = 'process', env = {} }: DevOptions): Promise<DevProcess> {
  if (!existsSync(join(ROOT, 'dist', 'cli.js')))
    throw new Error('dist/ is missing: these tests run the built command; run `npm run build` first');
  const child = spawn(NODE, [LAUNCHER, 'dev', '.', '--port', '0', '--json', '--durability', durability], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  let err = '';
  let out = '';
  const ready = Promise.withResolvers<{ urls: { api: string; step_functions: string }; api_key: string; left: number }>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    const lines = out.split('\n');
    out = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{"kind":"ready"')) ready.resolve(JSON.parse(line));
    // What goes wrong behind the scenes is told on the same stream.
    err += lines
      .filter((line) => line.startsWith('{"kind":"problem"'))
      .map((line) => `${line}\n`)
      .join('');
  });
  const ended = new Promise<number | string>((resolve) => child.on('close', (status, signal) => resolve(status ?? signal ?? '')));
  void ended.then((status) => ready.reject(new Error(`maestro dev ended with ${status} before it was ready:\n${err}`)));
  const { urls, api_key: apiKey, left } = await ready.promise;
  const signalled = (signal: NodeJS.Signals): Promise<number | string> => {
    child.kill(signal);
    return ended;
  };
  return {
    child,
    url: urls.api,
    sfnUrl: urls.step_functions,
    apiKey,
    left,
    said: () => err,
    ended,
    stop: () => signalled('SIGINT'),
    kill: () => signalled('SIGKILL'),
  };
}
