import { workflowJsonSchema } from '../../shared/workflow/index.ts';
import type { CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { EXIT_DONE } from '../exit.ts';

const spec: CommandSpec = {
  name: 'schema',
  usage: '',
  positionals: { min: 0, max: 0 },
  options: [],
  description: [
    'Prints a JSON Schema of the workflow file, made from the rules that the parser uses. Editors complete and check',
    'with it: save it beside your workflows and put this line at the top of each:',
    '',
    '  # yaml-language-server: $schema=./maestro.schema.json',
  ].join('\n'),
  examples: ['maestro schema > maestro.schema.json'],
};

/** `maestro schema`. */
export const schemaCommand: Command = {
  spec,
  async run(_args, io) {
    io.out(`${JSON.stringify(workflowJsonSchema(), null, 2)}\n`);
    return EXIT_DONE;
  },
};
