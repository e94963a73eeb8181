// Everything that `maestro dev` serves, over an open runtime.
//
//   D1. The API's address is known before anything goes on, for callback URLs hold it; what is asked before all is ready waits for it.
//   D2. With `--port 0` the port of the last time is taken if it is free, so that callback URLs that were handed out stay good.
//   D3. What was written for an answer is on disk before the answer leaves.
//   D4. Closing begins with those who wait: streams end, and their clients come back to the next process.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiOptions, createApi } from '../../functions/ingress/index.ts';
import { createEndpoint, type Endpoint } from '../../local/endpoint/index.ts';
import { type Front, type FrontOptions, startFront } from '../../local/front/index.ts';
import type { Runtime } from '../../local/runtime/index.ts';
import { createLocalService, type LocalService } from '../../local/service/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { CommandError } from '../exit.ts';
import type { Io } from '../io.ts';
import { VERSION } from '../version.ts';
import type { DevLog } from './dev-log.ts';
import { watchWorkflows } from './watch-workflows.ts';

/** ms that requests may take to be answered once the process drains. */
const GRACE_MS = 5_000;
const PORT_FILE = 'api-port';

export interface DevServerOptions {
  runtime: Runtime;
  io: Io;
  log: DevLog;
  /** Filled in: `api` and `step_functions`. */
  urls: { [name: string]: string };
  dataFolder: string | null;
  /** Of the API. */
  host: string;
  port: number;
  /** On loopback, whatever the API's address is: nobody is asked for a key there. */
  sfnPort: number;
  /** Workflow files, or folders of them. */
  files: readonly string[];
}

export interface DevServer {
  apiKey: string;
  /** Runs of an earlier process that go on. */
  left: number;
  close(): Promise<void>;
}

/** @throws CommandError when it cannot listen, or a path does not exist */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { runtime, log, urls, dataFolder, host } = options;
  const onError = (error: unknown): void => log.problem(error instanceof Error ? error.message : String(error));
  const ready = Promise.withResolvers<FrontOptions['handle']>();
  // Where starting fails nobody may ever have asked.
  ready.promise.catch(() => {});
  const opened: { close(): unknown }[] = [];
  try {
    const service = await createLocalService({ runtime, dataFolder, onProblem: onError });
    const front = await listen('the API', '--port', host, options.port, () =>
      startRemembered(dataFolder, options.port, (port) =>
        startFront({
          handle: async (event, about) => (await ready.promise)(event, about),
          host,
          port,
          clock: systemClock,
          requestId: () => service.ids.id('req'),
          onError,
        }),
      ),
    );
    opened.push({ close: () => front.close(0) });
    urls['api'] = front.url;
    const endpoint = await listen('the Step Functions API', '--sfn-port', '127.0.0.1', options.sfnPort, () =>
      createEndpoint({ engine: runtime.engine, port: options.sfnPort, onError }),
    );
    opened.push(endpoint);
    urls['step_functions'] = endpoint.url;
    for (const { name } of await service.catalog.list()) log.note(`${name}: deployed by the API earlier, and still served`);
    const watch = await watchWorkflows({
      paths: options.files,
      io: options.io,
      registry: runtime.registry,
      log,
      onChange: () => void service.changed().catch(onError),
    });
    opened.push(watch);
    const left = await runtime.recover();
    await service.start();
    const api = createApi(apiOptions(service, log));
    ready.resolve(async (event, about) => {
      const answer = await api.handle(event, about);
      await runtime.runs.store.durable();
      return answer;
    });
    const apiKey = await service.apiKey();
    return { apiKey, left: left.length, close: () => close({ service, front, endpoint, watch }) };
  } catch (error) {
    ready.reject(error);
    for (const part of opened.toReversed()) await part.close();
    throw error;
  }
}

function apiOptions({ service, keys, audit, catalog, breakers, bus, ids }: LocalService, log: DevLog): ApiOptions {
  return {
    service,
    keys,
    audit,
    catalog,
    breakers,
    bus,
    ids,
    clock: systemClock,
    version: VERSION,
    local: true,
    logs: () => log.recent(),
    report: (error, { requestId, method, route }) =>
      log.problem(`${method} ${route} (${requestId}): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  };
}

interface Served {
  service: LocalService;
  front: Front;
  endpoint: Endpoint;
  watch: { close(): void };
}

async function close({ service, front, endpoint, watch }: Served): Promise<void> {
  watch.close();
  service.drain();
  await Promise.all([front.close(GRACE_MS), endpoint.close()]);
  await service.close();
}

/** With port 0 the port of the last time, if it is free (D2). */
async function startRemembered(dataFolder: string | null, wanted: number, start: (port: number) => Promise<Front>): Promise<Front> {
  const file = dataFolder === null ? null : join(dataFolder, PORT_FILE);
  const last = wanted === 0 && file !== null && existsSync(file) ? Number(readFileSync(file, 'utf8')) : wanted;
  const front = await start(last).catch((error: unknown) => (last === wanted ? Promise.reject(error) : start(wanted)));
  if (file !== null) writeFileSync(file, String(front.port), { mode: 0o600 });
  return front;
}

async function listen<T>(what: string, option: string, host: string, port: number, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    const why = code === 'EADDRINUSE' ? 'it is in use' : error instanceof Error ? error.message : String(error);
    const todo =
      code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
        ? 'Give an address of this machine with --host.'
        : `Stop what uses it, or choose another port with ${option}; 0 takes a free one.`;
    throw new CommandError('port', `${host}:${port}: ${what} cannot listen there (${why}). ${todo}`);
  }
}
