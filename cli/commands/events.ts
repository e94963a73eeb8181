import type { Maestro, RunEvent } from '../../sdk/index.ts';
import { systemClock, type Timer } from '../../shared/clock.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { readNewEvents } from '../remote/new-events.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';
import { watchRun } from '../remote/show-run.ts';
import { statusText } from '../text/status.ts';
import { dim } from '../text/style.ts';
import { table } from '../text/table.ts';

/** A service that has just been woken takes this long for its first answer. */
const FIRST_EVENT_MS = 3_000;

/** What is on record comes at once, one event after the other. */
const QUIET_MS = 400;

const QUIET = new Error('nothing more is on record');

const spec: CommandSpec = {
  name: 'events',
  usage: 'RUN | put [FILE]',
  positionals: { min: 1, max: 2 },
  options: [
    { name: 'after', value: 'NUMBER', help: 'only events after this one' },
    { name: 'follow', short: 'f', help: 'go on until the run has ended' },
    { name: 'source', value: 'TEXT', help: 'put: where the event comes from' },
    { name: 'detail-type', value: 'TEXT', help: 'put: what kind of event it is' },
    { name: 'detail', value: 'JSON', help: 'put: what it says, an object (default {})' },
    ...SERVICE_OPTIONS,
  ],
  description: [
    'Shows the events of a run: what there is, or with --follow live to its end, over lost connections too. With --json each event is a',
    'line. `put` puts events on the bus, where they start the workflows whose triggers match: one from the options, or those of FILE,',
    'a JSON object or a list of up to ten in the spelling of EventBridge (`source`, `detail-type`, `detail`).',
  ].join('\n'),
  examples: [
    'maestro events run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --follow',
    'maestro events run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --after 12 --json',
    `maestro events put --source shop --detail-type order.placed --detail '{"id": "A-1"}'`,
    'maestro events put order-placed.json',
  ],
};

/** `maestro events`. */
export const eventsCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const [first = '', second] = args.positionals;
  if (first === 'put') return put(second, args, io);
  if (second !== undefined) throw usage(spec, `"${second}" is one argument too many`);
  const after = Number(args.text('after') ?? 0);
  if (!Number.isInteger(after) || after < 0) throw usage(spec, `--after is "${args.text('after')}"; expected the number of an event`);
  const json = args.flag('json');
  return withService(args, io, spec.name, async (maestro) => {
    if (args.flag('follow')) return watchRun(maestro, (signal) => maestro.orchestrate.stream(first, { after, signal }), io, json);
    const events = await eventsUntilNow(maestro, first, after);
    if (json) for (const event of events) io.out(`${JSON.stringify(event)}\n`);
    else io.out(table(events.map((event) => eventRow(event, io.color.out))));
    return EXIT_DONE;
  });
}

/** What is on record at this moment. The API has streams only, which begin with all that is on record: then nothing comes for a while. */
async function eventsUntilNow({ orchestrate }: Maestro, id: string, after: number): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  const quiet = new AbortController();
  const arm = (ms: number): Timer => systemClock.setTimer(ms, () => quiet.abort(QUIET));
  let timer = arm(FIRST_EVENT_MS);
  try {
    for await (const event of orchestrate.stream(id, { after, signal: quiet.signal })) {
      events.push(event);
      timer.cancel();
      timer = arm(QUIET_MS);
    }
  } catch (error) {
    if (error !== QUIET) throw error;
  } finally {
    timer.cancel();
  }
  return events;
}

function eventRow({ id, at, type, step, error }: RunEvent, color: boolean): string[] {
  return [id, dim(at, color), statusText(type, color), step ?? '', error ?? ''];
}

async function put(file: string | undefined, args: Arguments, io: Io): Promise<number> {
  const events = await readNewEvents(spec, file, args, io);
  const answer = await withService(args, io, spec.name, (maestro) => maestro.events.put(events));
  if (args.flag('json')) io.out(`${JSON.stringify(answer, null, 2)}\n`);
  else io.out(answer.data.map(({ event_id }) => `${event_id}\n`).join(''));
  return EXIT_DONE;
}
