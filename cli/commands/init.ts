import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { workflowJsonSchema } from '../../shared/workflow/index.ts';
import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import { SERVICE_TEMPLATE, scenarioTemplate, workflowTemplate } from '../init/templates.ts';
import type { Io } from '../io.ts';

const DEFAULT_FOLDER = 'hello';

const spec: CommandSpec = {
  name: 'init',
  usage: '[FOLDER]',
  positionals: { min: 0, max: 1 },
  options: [],
  description: [
    'Writes a small workflow that works, a scenario that tests it, the service it calls, and the schema for your editor,',
    `into a folder (default ${DEFAULT_FOLDER}). Nothing that is there is overwritten.`,
  ].join('\n'),
  examples: ['maestro init', 'maestro init trips'],
};

/** `maestro init`. */
export const initCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const folder = resolve(io.cwd, args.positionals[0] ?? DEFAULT_FOLDER);
  const name = workflowName(basename(folder));
  const workflowFile = `${name}.yaml`;
  const files: [name: string, text: string][] = [
    [workflowFile, workflowTemplate(name)],
    [`${name}.scenario.yaml`, scenarioTemplate(workflowFile)],
    ['service.js', SERVICE_TEMPLATE],
    ['package.json', '{ "type": "commonjs" }\n'],
    ['maestro.schema.json', `${JSON.stringify(workflowJsonSchema(), null, 2)}\n`],
  ];
  const there = files.map(([file]) => file).filter((file) => existsSync(join(folder, file)));
  if (there.length > 0) {
    throw new CommandError(
      'exists',
      `${relative(io.cwd, folder) || '.'}: ${there.join(', ')} is there already, and nothing is overwritten. Name another folder: \`maestro init FOLDER\`.`,
    );
  }
  try {
    mkdirSync(folder, { recursive: true });
    for (const [file, text] of files) writeFileSync(join(folder, file), text, { flag: 'wx' });
  } catch (error) {
    throw new CommandError('file', `${folder}: it could not be written (${error instanceof Error ? error.message : String(error)}).`);
  }
  const shown = relative(io.cwd, folder) || '.';
  if (args.flag('json')) io.out(`${JSON.stringify({ folder, files: files.map(([file]) => file) })}\n`);
  else
    io.out(
      nextSteps(
        shown,
        workflowFile,
        files.map(([file]) => file),
      ),
    );
  return EXIT_DONE;
}

/** A folder's name as a workflow's name may be. */
function workflowName(folder: string): string {
  const name = folder
    .replace(/[^A-Za-z0-9_-]+/g, '_')
    .replace(/^[^A-Za-z]+/, '')
    .replace(/-undo$/, '')
    .slice(0, 64);
  return name === '' ? DEFAULT_FOLDER : name;
}

function nextSteps(folder: string, workflow: string, files: string[]): string {
  const input = `'{"traveller": "Ada", "city": "Lisbon"}'`;
  return [
    `written to ${folder}/: ${files.join(', ')}`,
    '',
    `  maestro test ${folder}                       the scenario: no network, a clock that jumps`,
    `  maestro prove ${folder}/${workflow}           every single failure, and what is undone after it`,
    `  node ${folder}/service.js &                  the service, then:`,
    `  maestro execute ${folder}/${workflow} -i ${input}`,
    '',
  ].join('\n');
}
