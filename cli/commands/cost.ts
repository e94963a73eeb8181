import { type Bill, type Cost, costOf, type Range } from '../../shared/compiler/cost/index.ts';
import { type Arguments, type CommandSpec, usage } from '../arguments.ts';
import type { Command } from '../command.ts';
import { compileSet } from '../compile-loaded.ts';
import { runUse } from '../cost/run-use.ts';
import { CommandError, EXIT_DONE } from '../exit.ts';
import type { Io } from '../io.ts';
import { loadWorkflows } from '../load-workflows.ts';
import { bold } from '../text/style.ts';
import { table } from '../text/table.ts';

const spec: CommandSpec = {
  name: 'cost',
  usage: 'FILE',
  positionals: { min: 1, max: 1 },
  options: [
    { name: 'items', value: 'NUMBER', help: 'length of the lists that a foreach goes over (without it the most is open)' },
    { name: 'call-ms', value: 'MS', help: 'how long one call takes (default 100)' },
  ],
  description: [
    'Prices a run that succeeds on AWS, as a Standard and as an Express execution, and says which is cheaper.',
    'Free tiers, logs, data transfer, failures and the runs of sub-workflows are not in it.',
  ].join('\n'),
  examples: ['maestro cost order.yaml', 'maestro cost order.yaml --items 10 --json'],
};

/** `maestro cost`. */
export const costCommand: Command = { spec, run };

async function run(args: Arguments, io: Io): Promise<number> {
  const [items, callMs] = [count(args, 'items'), count(args, 'call-ms')];
  const [file] = await compileSet(loadWorkflows(args.positionals, io), io, args.flag('json'));
  if (!file) throw new CommandError('no_workflow', `${args.positionals[0]}: no workflow in it.`);
  const { workflow, compiled } = file;
  const use = runUse(workflow, compiled.stats, items ?? null);
  const cost = costOf({ ...use, ...(callMs === undefined ? {} : { assume: { callMs } }) });
  if (args.flag('json'))
    io.out(`${JSON.stringify({ workflow: workflow.name, transitions: use.transitions, calls: use.calls, ...cost }, null, 2)}\n`);
  else io.out(costText(workflow.name, use, cost, io.color.out));
  return EXIT_DONE;
}

function costText(name: string, use: { transitions: Range; calls: Range }, cost: Cost, color: boolean): string {
  const row = (label: string, pick: (bill: Bill) => Range): string[] => [
    label,
    money(pick(cost.standard)),
    cost.express ? money(pick(cost.express)) : '-',
  ];
  const rows = table([
    ['', 'standard', 'express'],
    row('Step Functions', (bill) => bill.stepFunctions),
    row('Lambda', (bill) => bill.lambda),
    row('DynamoDB', (bill) => bill.dynamodb),
    row('one run', (bill) => bill.perRun),
    row('a million runs', (bill) => bill.perMillion),
  ]);
  const verdict = {
    standard: cost.express
      ? 'standard is cheaper'
      : 'it cannot run as express (checkpoints, callbacks, sub-workflows, or undos on services that are not idempotent)',
    express: 'express is cheaper (`execution: express`)',
    depends: 'which is cheaper depends on the run',
  }[cost.cheaper];
  const { callMs, lambdaMb } = cost.assumptions;
  return `${bold(name, color)}: ${rangeText(use.transitions, String)} transitions, ${rangeText(use.calls, String)} calls\n\n${rows}\n${verdict}\nUS dollars, ${cost.region}, prices of ${cost.asOf}; a call takes ${callMs} ms with ${lambdaMb} MB\n`;
}

function money(range: Range): string {
  return rangeText(range, (value) => (value >= 1 ? value.toFixed(2) : value.toPrecision(3)));
}

function rangeText({ min, max }: Range, text: (value: number) => string): string {
  if (max === null) return `${text(min)} or more`;
  return min === max ? text(min) : `${text(min)} to ${text(max)}`;
}

function count(args: Arguments, name: string): number | undefined {
  const given = args.text(name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 0 || value > 1_000_000)
    throw usage(spec, `--${name} is "${given}"; expected a whole number from 0`);
  return value;
}
