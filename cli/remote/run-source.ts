// Runs, wherever they are: of a service, or of the data folder where no service is. One interface, so that a command does not care.

import type { RunOperations, Runtime } from '../../local/runtime/index.ts';
import type { BreakerList, Envelope, ListQuery, Maestro, RunList } from '../../sdk/index.ts';
import type { RunEvent } from '../../shared/runs/index.ts';
import type { Arguments } from '../arguments.ts';
import { CommandError } from '../exit.ts';
import type { Io } from '../io.ts';
import { followRemote } from './follow.ts';
import { told } from './refusals.ts';
import { findService } from './service.ts';

export interface RunSource {
  /** This process carries runs out itself, for as long as it lives. */
  readonly here: boolean;
  get(id: string): Promise<Envelope>;
  list(query: ListQuery): Promise<RunList>;
  cancel(id: string, options: { force: boolean }): Promise<void>;
  /** Begins another undo; resolves with the number of the last event before it. */
  undo(id: string): Promise<number>;
  /** Tells the events after number `after`, and resolves with the run when it has ended. */
  follow(id: string, onEvent: (event: RunEvent) => void, after: number): Promise<Envelope>;
  breakers(): Promise<BreakerList>;
  /** Closes a breaker by hand. False: there is none. */
  resetBreaker(origin: string): Promise<boolean>;
}

/**
 * Asks the service that the arguments mean, or the data folder where there is none.
 * @throws CommandError `no_data` where there is neither
 */
export async function withRuns<T>(args: Arguments, io: Io, command: string, ask: (source: RunSource) => Promise<T>): Promise<T> {
  const remote = await findService(args, io, command);
  if (remote) return told(remote.url, () => ask(ofService(remote.maestro)));
  // Loaded only now: with a service the engine is not needed.
  const { withData } = await import('../data-folder.ts');
  return withData(args, io, command, (operations, runtime) => ask(ofFolder(operations, runtime)));
}

function ofService({ orchestrate, breakers }: Maestro): RunSource {
  return {
    here: false,
    get: (id) => orchestrate.get(id),
    list: (query) => orchestrate.list(query),
    cancel: async (id, options) => void (await orchestrate.cancel(id, options)),
    async undo(id) {
      let last = 0;
      for await (const event of orchestrate.stream(id)) last = Number(event.id);
      await orchestrate.undo(id);
      return last;
    },
    follow: async (id, onEvent, after) => (await followRemote(orchestrate.stream(id, { after }), onEvent)) ?? orchestrate.get(id),
    breakers: () => breakers.list(),
    async resetBreaker(origin) {
      const { data } = await breakers.list();
      if (!data.some((each) => each.origin === origin)) return false;
      await breakers.reset(origin);
      return true;
    },
  };
}

function ofFolder(operations: RunOperations, runtime: Runtime | null): RunSource {
  return {
    here: runtime !== null,
    get: (id) => operations.get(id),
    list: ({ since, ...query }) => operations.list({ ...query, ...(since === undefined ? {} : { sinceMs: Date.parse(since) }) }),
    async cancel(id, options) {
      await operations.cancel(id, options);
      // The request is on record; without a process at work it takes this one to carry it out.
      await runtime?.recover();
    },
    undo: async (id) => (await operations.undo(id)).after,
    follow: (id, onEvent, after) => operations.watch(id, onEvent, after),
    breakers: async () => ({ object: 'list', data: await operations.breakers() }),
    resetBreaker: (origin) => operations.resetBreaker(origin),
  };
}

/** What a folder without data answers: nothing is there, which is no error. People are told, who may be in the wrong folder. */
export function orNothing<T>(nothing: T, args: Arguments, io: Io): (error: unknown) => T {
  return (error) => {
    if (!(error instanceof CommandError) || error.code !== 'no_data') throw error;
    if (!args.flag('json')) io.err(`${error.message}\n`);
    return nothing;
  };
}
