import type { Arguments, CommandSpec } from '../arguments.ts';
import type { Command } from '../command.ts';
import { compileFile } from '../compile-loaded.ts';
import { EXIT_DONE, EXIT_USAGE } from '../exit.ts';
import type { Io } from '../io.ts';
import { isValid, type LoadedFile, loadWorkflows } from '../load-workflows.ts';
import { countDiagnostics, diagnosticJson, printDiagnostics } from '../report-diagnostics.ts';
import { green, red } from '../text/style.ts';

const spec: CommandSpec = {
  name: 'validate',
  usage: 'FILE...',
  positionals: { min: 1, max: 1000 },
  options: [{ name: 'quiet', short: 'q', help: 'show errors only, no warnings and no hints' }],
  description: [
    'Checks workflow files without running anything: the YAML, every name and expression, what each',
    'undo can see, and whether the result fits into Step Functions. All mistakes are told at once.',
    'FILE may be a folder: the workflow files in it. A workflow that another one calls is looked for beside it.',
  ].join('\n'),
  examples: ['maestro validate order.yaml', 'maestro validate workflows/ --json'],
};

/** `maestro validate`. */
export const validateCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const set = loadWorkflows(args.positionals, io);
  for (const loaded of set.files) await compileFile(loaded, set, io);
  // A child is shown only where it is broken: it was not asked about, but its caller cannot run without it.
  const shown = [...set.files, ...set.children.filter((child) => !isValid(child))];
  const valid = shown.every(isValid);
  if (args.flag('json')) {
    io.out(`${JSON.stringify({ valid, files: shown.map(fileJson) }, null, 2)}\n`);
    return valid ? EXIT_DONE : EXIT_USAGE;
  }
  for (const loaded of shown) {
    printDiagnostics(loaded, io, args.flag('quiet') ? ['error'] : ['error', 'warning', 'hint']);
    const { ok, text } = summary(loaded);
    if (ok) io.out(`${green('valid', io.color.out)}    ${text}\n`);
    else io.err(`${red('invalid', io.color.err)}  ${text}\n`);
  }
  return valid ? EXIT_DONE : EXIT_USAGE;
}

function summary(loaded: LoadedFile): { ok: boolean; text: string } {
  const counted = countDiagnostics(loaded.diagnostics);
  const ok = isValid(loaded);
  const name = loaded.workflow ? `  ${loaded.workflow.name} ${loaded.workflow.version}` : '';
  return { ok, text: `${loaded.file}${name}${counted ? `  (${counted})` : ''}` };
}

function fileJson(loaded: LoadedFile): object {
  return {
    file: loaded.file,
    valid: isValid(loaded),
    name: loaded.workflow?.name ?? null,
    version: loaded.workflow?.version ?? null,
    diagnostics: loaded.diagnostics.map(diagnosticJson),
  };
}
