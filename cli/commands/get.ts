import type { RunView } from '../../local/runtime/index.ts';
import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { DATA_OPTION, withData } from '../data-folder.ts';
import { EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { runResultText } from '../live/run-result.ts';
import { labelOf } from '../live/step-lines.ts';
import { durationText } from '../text/duration.ts';
import { statusText } from '../text/status.ts';
import { bold, dim, red } from '../text/style.ts';
import { table } from '../text/table.ts';

const spec: CommandSpec = {
  name: 'get',
  usage: 'RUN',
  positionals: { min: 1, max: 1 },
  options: [DATA_OPTION],
  description: 'Shows everything that is on record about a run: its steps, its output or failure, what was undone.',
  examples: ['maestro get run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V', 'maestro get run_01J9ZQ5B7Y8M3N4P5Q6R7S8T9V --json'],
};

/** `maestro get`. */
export const getCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const view = await withData(args, io, spec.name, (operations) => operations.get(args.positionals[0] ?? ''));
  io.out(args.flag('json') ? `${JSON.stringify(view, null, 2)}\n` : viewText(view, io.color.out));
  return EXIT_DONE;
}

function viewText(view: RunView, color: boolean): string {
  const head = table([
    ['run', bold(view.id, color)],
    ['workflow', `${view.workflow} ${view.version ?? ''}`],
    ['status', `${statusText(view.status, color)}${view.cancel_requested && view.ended_at === null ? ' (cancel requested)' : ''}`],
    ['started', view.started_at ?? '-'],
    ['ended', view.ended_at ?? '-'],
    ['deadline', view.deadline ?? '-'],
  ]);
  const steps = view.steps.map((step) => [
    `  ${labelOf(step)}`,
    statusText(step.status, color),
    step.duration_ms === null ? '' : dim(durationText(step.duration_ms), color),
    step.attempts > 1 ? `${step.attempts} tries` : '',
    [step.error, step.undo_error].flatMap((error) => (error ? [`${red(error.error, color)}: ${error.message}`] : [])).join('; '),
  ]);
  const ending = view.ended_at === null ? '' : `\n${runResultText(view, color)}`;
  const output = view.status === 'completed' ? `\n${JSON.stringify(view.output, null, 2)}\n` : '';
  return `${head}\nsteps\n${table(steps)}${ending}${output}`;
}
