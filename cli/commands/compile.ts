import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { compileSet } from '../compile-loaded.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { writeResult } from '../write-result.ts';

const spec: CommandSpec = {
  name: 'compile',
  usage: 'FILE',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'stats', help: 'print sizes instead: states, bytes, and the transitions of a run' },
    { name: 'undo', help: 'print the undo machine (NAME-undo), which recovery starts' },
    { name: 'needs', help: 'print what the definition calls: each ${Placeholder} and what must be put in its place' },
    { name: 'out', short: 'o', value: 'FILE', help: 'write to a file instead of standard output' },
  ],
  description: [
    'Prints the Amazon States Language definition (JSONata dialect) that the workflow becomes: the same text for',
    'the same file, always. ARNs stand in it as ${Step} and the like; a deployment or the local engine fills them in.',
  ].join('\n'),
  examples: ['maestro compile order.yaml > order.asl.json', 'maestro compile order.yaml --stats --json'],
};

/** `maestro compile`. */
export const compileCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const chosen = ['stats', 'undo', 'needs'].filter((name) => args.flag(name));
  if (chosen.length > 1) throw usage(spec, `--${chosen.join(' and --')} exclude each other`);
  const [file] = await compileSet(loadWorkflows(args.positionals, io), io, args.flag('json'));
  if (!file) throw new CommandError('no_workflow', `${args.positionals[0]}: no workflow in it.`);
  const { definition, undoDefinition, stats, needs } = file.compiled;
  if (args.flag('undo') && undoDefinition === null) {
    throw new CommandError('no_undo', `${file.loaded.file}: no step of it declares \`compensate\`, so there is no undo machine.`);
  }
  const { states, bytes, transitions } = stats;
  if (args.flag('stats') && !args.flag('json')) {
    writeResult(`${states} states, ${bytes} bytes, ${transitions.min} to ${transitions.max} transitions a run\n`, args.text('out'), io);
    return EXIT_DONE;
  }
  const result = args.flag('stats')
    ? { states, bytes, transitions }
    : args.flag('undo')
      ? undoDefinition
      : args.flag('needs')
        ? needs
        : definition;
  writeResult(`${JSON.stringify(result, null, 2)}\n`, args.text('out'), io);
  return EXIT_DONE;
}
