import type { Checkpoint, CheckpointAnswer, Decision, Maestro } from '../../sdk/index.ts';
import { isJsonObject } from '../../shared/json.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { readJson } from '../read-input.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';

const DECISIONS: readonly Decision[] = ['approve', 'edit', 'reject', 'respond'];

const spec: CommandSpec = {
  name: 'resolve',
  usage: 'RUN [CHECKPOINT]',
  positionals: { min: 1, max: 2 },
  options: [
    {
      name: 'decision',
      short: 'd',
      value: 'DECISION',
      help: `${DECISIONS.join(', ')}; without it, what the checkpoint takes an answer for`,
    },
    { name: 'option', short: 'o', value: 'VALUE', help: 'one of the options that the checkpoint offers' },
    { name: 'answer', short: 'a', value: 'JSON', help: 'the fields of the answer: an object, @FILE, or - for standard input' },
    ...SERVICE_OPTIONS,
  ],
  description: [
    'Answers a checkpoint that a run waits at; the run goes on. CHECKPOINT may be left out where the run waits at one only.',
    'An answer that the checkpoint does not take is refused, and the checkpoint stays open.',
  ].join('\n'),
  examples: [
    'maestro resolve run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --decision approve',
    'maestro resolve run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --option tomorrow',
    `maestro resolve run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V chk_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --answer '{"amount": 120}'`,
  ],
};

/** `maestro resolve`. */
export const resolveCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const [runId = '', named] = args.positionals;
  const answer = await readAnswer(args, io);
  return withService(args, io, spec.name, async (maestro) => {
    const id = named ?? (await onlyCheckpoint(maestro, runId)).id;
    const envelope = await maestro.orchestrate.resolveCheckpoint(runId, id, answer);
    if (args.flag('json')) io.out(`${JSON.stringify(envelope, null, 2)}\n`);
    else
      io.err(
        `${id}: answered. ${envelope.data.run_id} is ${envelope.data.status}; \`maestro events ${envelope.data.run_id} --follow\` watches it.\n`,
      );
    return EXIT_DONE;
  });
}

async function readAnswer(args: Arguments, io: Io): Promise<CheckpointAnswer> {
  const given = args.text('decision');
  const decision = DECISIONS.find((each) => each === given);
  if (given !== undefined && decision === undefined) throw usage(spec, `--decision is "${given}"; it can be ${DECISIONS.join(', ')}`);
  const answer = await readJson('answer', args.text('answer'), io);
  if (!isJsonObject(answer)) throw usage(spec, `--answer is no object; expected JSON such as '{"amount": 120}'`);
  const option = args.text('option');
  return { ...answer, ...(option === undefined ? {} : { option }), ...(decision === undefined ? {} : { decision }) };
}

/** @throws CommandError when the run waits at none, or at several */
async function onlyCheckpoint({ orchestrate }: Maestro, runId: string): Promise<Checkpoint> {
  const { data } = await orchestrate.get(runId);
  const [only, ...others] = data.pending_checkpoints;
  if (only && others.length === 0) return only;
  if (!only) throw new CommandError('conflict', `${data.run_id}: it waits at no checkpoint; it is ${data.status}.`);
  const list = data.pending_checkpoints.map(({ id, step_id, title }) => `  ${id}  ${step_id}  ${title}`).join('\n');
  throw new CommandError('usage', `${data.run_id}: it waits at ${others.length + 1} checkpoints; name the one to answer:\n${list}`);
}
