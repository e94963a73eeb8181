// Events to be put on the bus, as the command line gives them.

import type { NewEvent } from '../../sdk/index.ts';
import { isJsonObject, type Json, type JsonObject } from '../../shared/json.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Io } from '../io.ts';
import { readJson } from '../read-input.ts';

const OPTIONS = ['source', 'detail-type', 'detail'] as const;

/**
 * The events of a file, or the one of the options. What is in them, the service checks.
 * @throws CommandError when there is neither, or both, or no JSON
 */
export async function readNewEvents(spec: CommandSpec, file: string | undefined, args: Arguments, io: Io): Promise<NewEvent | NewEvent[]> {
  const given = OPTIONS.filter((name) => args.text(name) !== undefined);
  if (file === undefined) return ofOptions(spec, args, io);
  if (given.length > 0) throw usage(spec, `FILE and --${given[0]} exclude each other`);
  const value = await readJson('detail', file === '-' ? file : `@${file}`, io);
  const events = Array.isArray(value) ? value : [value];
  if (!events.every(isNewEvent)) {
    throw usage(spec, `${file}: an event is missing, or has no \`source\`, \`detail-type\` or \`detail\`; expected the three in each`);
  }
  return Array.isArray(value) ? events : (events[0] ?? []);
}

async function ofOptions(spec: CommandSpec, args: Arguments, io: Io): Promise<NewEvent> {
  const [source, type] = [args.text('source'), args.text('detail-type')];
  if (source === undefined || type === undefined) throw usage(spec, 'put needs a FILE, or --source and --detail-type');
  const detail = await readJson('detail', args.text('detail'), io);
  if (!isJsonObject(detail)) throw usage(spec, `--detail is no object; expected JSON such as '{"id": "A-1"}'`);
  return { source, 'detail-type': type, detail };
}

function isNewEvent(value: Json): value is JsonObject & NewEvent {
  return (
    isJsonObject(value) && typeof value['source'] === 'string' && typeof value['detail-type'] === 'string' && isJsonObject(value['detail'])
  );
}
