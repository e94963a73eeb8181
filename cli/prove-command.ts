import type { Json } from '../shared/json.ts';
import { validateInput } from '../shared/workflow/index.ts';
import type { Arguments, CommandSpec } from './arguments.ts';
import type { Command } from './command.ts';
import { compileSet } from './compile-loaded.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED } from './exit.ts';
import { readBytes } from './files.ts';
import type { Io } from './io.ts';
import { loadWorkflows } from './load-workflows.ts';
import { type Proof, type ProvedCase, prove } from './prove/prove.ts';
import { calledNames, caseName, proofTable, unresolvedNames } from './prove/table.ts';
import { bold, green, red } from './text/style.ts';

/** Runs start at this moment, so that the same file gives the same proof. */
const START_MS = Date.UTC(2026, 0, 1);
/** Bytes. */
const MAX_INPUT_BYTES = 16_777_216;

const spec: CommandSpec = {
  name: 'prove',
  usage: 'FILE',
  positionals: { min: 1, max: 1 },
  options: [{ name: 'input', short: 'i', value: 'JSON', help: "the run's input: JSON, @FILE, or - for standard input; default: a sample" }],
  description: [
    'Proves that nothing is left half done. Runs the workflow once without a failure, and then once for every',
    'single failure that it can have: each call rejected, unavailable, timed out with unknown outcome, and with the',
    'process killed before it was sent and after it was done. Shows what was called, what was undone in which order,',
    'and how the run ended. Services are mocked: they do what they are asked and answer what the templates read.',
    'Exit status 1 if a completed step with an undo is not undone exactly once and in order, or if a step of which',
    'nobody knows whether it happened is neither undone nor listed.',
  ].join('\n'),
  examples: ['maestro prove order.yaml', `maestro prove order.yaml --input '{"order_id": "A-1"}'`, 'maestro prove order.yaml --json'],
};

/** `maestro prove`. */
export const proveCommand: Command = { spec, run: runProveCommand };

/**
 * Runs `maestro prove`.
 * @returns 0 when every case is right, 1 when one is not
 * @throws CommandError (exit status 2) for an invalid file or input
 */
export async function runProveCommand(args: Arguments, io: Io): Promise<number> {
  const json = args.flag('json');
  const [file = ''] = args.positionals;
  const [main, ...children] = await compileSet(loadWorkflows([file], io), io, json);
  if (!main) throw new CommandError('no_workflow', `${file}: no workflow in it.`);
  const { workflow } = main;
  const input = await givenInput(args.text('input'), io);
  if (input !== undefined && workflow.input) checkInput(validateInput(workflow.input, input));
  const proof = await prove({
    workflow,
    children: children.map((child) => child.workflow),
    input,
    startMs: START_MS,
    ...(io.terminal.err && !json ? { onCase: (done, all) => io.err(`\r${done} of ${all} cases${done === all ? '\n' : ''}`) } : {}),
  });
  const wrong = proof.cases.filter(({ verdict }) => !verdict.ok).length;
  if (json)
    io.out(
      `${JSON.stringify({ workflow: workflow.name, input: proof.input, right: proof.cases.length - wrong, wrong, cases: proof.cases.map(caseJson) }, null, 2)}\n`,
    );
  else printProof(workflow.name, proof, wrong, io);
  return wrong === 0 ? EXIT_DONE : EXIT_FAILED;
}

function printProof(name: string, proof: Proof, wrong: number, io: Io): void {
  const { color } = io;
  io.out(`${bold(name, color.out)}  input ${JSON.stringify(proof.input)}\n\n${proofTable(proof, color.out)}\n`);
  const count = proof.cases.length;
  if (wrong === 0) io.out(`${green('proved', color.out)}  ${count} cases, nothing is left half done\n`);
  else io.out(`${red('not proved', color.out)}  ${wrong} of ${count} cases leave something half done\n`);
}

function caseJson(proved: ProvedCase): object {
  const { failed, simulation, verdict } = proved;
  return {
    case: caseName(proved),
    failed: failed && { step: failed.step, items: failed.items, run: failed.run, place: failed.place, failure: failed.failure },
    called: calledNames(simulation.calls, 'do'),
    undone: calledNames(simulation.calls, 'undo'),
    status: simulation.status,
    error: simulation.error,
    unresolved: unresolvedNames(simulation),
    right: verdict.ok,
    problems: verdict.problems,
  };
}

async function givenInput(given: string | undefined, io: Io): Promise<Json | undefined> {
  if (given === undefined) return undefined;
  const text = given === '-' ? await io.readInput() : given.startsWith('@') ? fileText(given.slice(1), io) : given;
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      'not_json',
      `--input: this is not JSON (${why}). Write it in single quotes, like '{"name": "x"}', or name a file, like @input.json.`,
    );
  }
}

function fileText(path: string, io: Io): string {
  return new TextDecoder().decode(readBytes(path, io, 'a JSON file with the input', MAX_INPUT_BYTES));
}

function checkInput(problems: readonly { path: string; message: string }[]): void {
  if (problems.length === 0) return;
  const lines = problems.map(({ path, message }) => `--input: ${path}: ${message}`);
  throw new CommandError('invalid_input', `${lines.join('\n')}\nThe workflow's \`input:\` says what it takes.`, undefined, { problems });
}
