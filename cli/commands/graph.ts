import { mermaid, outline, svg } from '../../shared/graph/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { compileSet } from '../compile-loaded.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { writeResult } from '../write-result.ts';

const FORMATS = { mermaid, svg };

const spec: CommandSpec = {
  name: 'graph',
  usage: 'FILE',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'format', short: 'f', value: 'FORMAT', help: 'mermaid (the default) or svg' },
    { name: 'out', short: 'o', value: 'FILE', help: 'write to a file instead of standard output' },
  ],
  description:
    'Draws a workflow: the happy path, and beside it the undo path that a failure takes.\nMermaid text is shown as a picture by many editors and code hosts; the SVG needs nothing else.',
  examples: ['maestro graph order.yaml', 'maestro graph order.yaml --format svg -o order.svg'],
};

/** `maestro graph`. */
export const graphCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const format = args.text('format') ?? 'mermaid';
  if (format !== 'mermaid' && format !== 'svg') throw usage(spec, `--format is "${format}"; it can be mermaid or svg`);
  const [file] = await compileSet(loadWorkflows(args.positionals, io), io, args.flag('json'));
  if (!file) throw new CommandError('no_workflow', `${args.positionals[0]}: no workflow in it.`);
  const graph = FORMATS[format](outline(file.workflow, file.loaded.text));
  writeResult(args.flag('json') ? `${JSON.stringify({ name: file.workflow.name, format, graph })}\n` : graph, args.text('out'), io);
  return EXIT_DONE;
}
