import type { Arguments, CommandSpec } from './arguments.ts';
import type { Command } from './command.ts';
import { type CompiledFile, compileSet } from './compile-loaded.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED } from './exit.ts';
import type { Io } from './io.ts';
import { loadWorkflows } from './load-workflows.ts';
import { formatCallRef } from './scenario/call-ref.ts';
import { type LoadedScenario, loadScenarios } from './scenario/load-scenarios.ts';
import { runScenario, type ScenarioOutcome } from './scenario/run-scenario.ts';
import { dim, green, red } from './text/style.ts';

const spec: CommandSpec = {
  name: 'test',
  usage: '[FILE...]',
  positionals: { min: 0, max: 1000 },
  options: [{ name: 'filter', value: 'TEXT', help: 'run only scenarios whose file or name holds TEXT' }],
  description: [
    'Runs scenario files (*.scenario.yaml): a workflow, an input, what each service answers, and what',
    'must come of it. The compiled workflow runs on the embedded engine, with no network and on a clock',
    'that skips every wait. FILE may be a folder, searched through and through; default: this one.',
  ].join('\n'),
  examples: ['maestro test', 'maestro test examples/order-processing', 'maestro test --filter "card" --json'],
};

/** `maestro test`. */
export const testCommand: Command = { spec, run: runTestCommand };

/** One scenario's result. */
interface Result {
  loaded: LoadedScenario;
  /** null: it could not be run at all. */
  outcome: ScenarioOutcome | null;
  problems: string[];
}

/**
 * Runs `maestro test`.
 * @returns 0 when all scenarios came out as expected, 1 when one did not
 * @throws CommandError (exit status 2) for files that cannot be read or are not valid, and when no scenario is left to run
 */
export async function runTestCommand(args: Arguments, io: Io): Promise<number> {
  const json = args.flag('json');
  const filter = args.text('filter')?.toLowerCase() ?? '';
  const all = loadScenarios(args.positionals.length > 0 ? args.positionals : ['.'], io);
  const chosen = all.filter(({ file, scenario }) => `${file}\n${scenario.name}`.toLowerCase().includes(filter));
  if (chosen.length === 0)
    throw new CommandError('no_scenarios', `maestro test: none of ${all.length} scenarios has "${filter}" in its file or name.`);
  const workflows = new Map<string, CompiledFile[]>();
  for (const { workflowFile } of chosen) {
    if (!workflows.has(workflowFile)) workflows.set(workflowFile, await compileSet(loadWorkflows([workflowFile], io), io, json));
  }
  const results: Result[] = [];
  for (const loaded of chosen) {
    const result = await runOne(loaded, workflows.get(loaded.workflowFile) ?? []);
    results.push(result);
    if (!json) io.out(resultText(result, io.color.out));
  }
  const failed = results.filter(({ problems }) => problems.length > 0).length;
  if (json) io.out(`${JSON.stringify({ passed: results.length - failed, failed, scenarios: results.map(resultJson) }, null, 2)}\n`);
  else
    io.out(
      `${failed === 0 ? green('ok', io.color.out) : red('failed', io.color.out)}  ${results.length - failed} of ${results.length} scenarios passed\n`,
    );
  return failed === 0 ? EXIT_DONE : EXIT_FAILED;
}

async function runOne(loaded: LoadedScenario, [main, ...children]: CompiledFile[]): Promise<Result> {
  if (!main) throw new Error(`${loaded.workflowFile}: no workflow`);
  try {
    const outcome = await runScenario({
      scenario: loaded.scenario,
      input: loaded.input,
      workflow: main.workflow,
      children: children.map(({ workflow }) => workflow),
    });
    return { loaded, outcome, problems: outcome.problems };
  } catch (error) {
    return { loaded, outcome: null, problems: [error instanceof Error ? error.message : String(error)] };
  }
}

function resultText({ loaded, outcome, problems }: Result, color: boolean): string {
  const took = outcome ? dim(`  ${outcome.simulation.status}, ${spanText(outcome.simulation.tookMs)} of virtual time`, color) : '';
  const head = `${problems.length === 0 ? green('ok', color) : red('failed', color)}  ${loaded.file}: ${loaded.scenario.name}${took}\n`;
  return head + problems.map((problem) => `    ${problem}\n`).join('');
}

function resultJson({ loaded, outcome, problems }: Result): object {
  const seen = (call: ScenarioOutcome['calls'][number]): object => ({
    call: formatCallRef(call),
    attempts: call.attempts,
    input: call.input ?? null,
  });
  return {
    file: loaded.file,
    name: loaded.scenario.name,
    workflow: loaded.workflowFile,
    passed: problems.length === 0,
    problems,
    ...(outcome
      ? {
          status: outcome.simulation.status,
          output: outcome.simulation.output,
          error: outcome.simulation.error,
          calls: outcome.calls.map(seen),
          undos: outcome.undos.map(seen),
          virtual_ms: outcome.simulation.tookMs,
        }
      : {}),
  };
}

/** `1m 30s`: the two largest units that count. */
function spanText(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  const from = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(from, from + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}
