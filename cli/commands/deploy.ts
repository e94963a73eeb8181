import type { Workflow } from '../../sdk/index.ts';
import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { childNames, isValid, type LoadedFile, loadWorkflows } from '../load-workflows.ts';
import { SERVICE_OPTIONS, withService } from '../remote/service.ts';
import { printDiagnostics } from '../report-diagnostics.ts';

const spec: CommandSpec = {
  name: 'deploy',
  usage: 'FILE...',
  positionals: { min: 1, max: 1000 },
  options: SERVICE_OPTIONS,
  description: [
    'Deploys workflow files to a service, under the names that they give themselves; FILE may be a folder. A workflow of the same name',
    'is replaced, and its runs in flight go on as they began. On AWS this is off unless the stack allows it; `cdk deploy` is the way there.',
  ].join('\n'),
  examples: ['maestro deploy order.yaml', 'maestro deploy workflows/ --url https://maestro.example.com'],
};

/** `maestro deploy`. */
export const deployCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const { files } = loadWorkflows(args.positionals, io);
  const bad = files.filter((file) => !isValid(file));
  if (bad.length > 0) {
    if (!args.flag('json')) for (const file of bad) printDiagnostics(file, io, ['error']);
    throw new CommandError('invalid', `${bad.map(({ file }) => file).join(', ')}: not valid, so nothing was deployed.`);
  }
  const deployed: Workflow[] = [];
  await withService(args, io, spec.name, async (maestro) => {
    for (const { workflow, text, file } of childrenFirst(files)) {
      if (!workflow) continue;
      const made = await maestro.workflows.deploy(workflow.name, text);
      deployed.push(made);
      if (!args.flag('json')) io.err(`${file}: deployed as ${made.name}, version ${made.version}\n`);
    }
  });
  if (args.flag('json')) io.out(`${JSON.stringify({ object: 'list', data: deployed }, null, 2)}\n`);
  return EXIT_DONE;
}

/** What is called comes before what calls it. (A circle is an error of the files, and was found.) */
function childrenFirst(files: readonly LoadedFile[]): LoadedFile[] {
  const byName = new Map(files.flatMap((file) => (file.workflow ? [[file.workflow.name, file] as const] : [])));
  const ordered = new Set<LoadedFile>();
  const add = (file: LoadedFile): void => {
    if (ordered.has(file) || !file.workflow) return;
    for (const name of childNames(file.workflow)) {
      const child = byName.get(name);
      if (child && child !== file) add(child);
    }
    ordered.add(file);
  };
  for (const file of files) add(file);
  return [...ordered];
}
