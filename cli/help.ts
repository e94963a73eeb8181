// The texts of `maestro --help` and `maestro COMMAND --help`.

import { COMMON_OPTIONS, type CommandSpec, type OptionSpec } from './arguments.ts';
import { COMMANDS } from './commands/index.ts';
import { bold } from './text/style.ts';
import { VERSION } from './version.ts';

/** What `maestro --help` prints. */
export function overview(color: boolean): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const groups = new Map<string, string[]>();
  for (const [name, { group, summary }] of Object.entries(COMMANDS)) {
    const lines = groups.get(group) ?? [];
    lines.push(`  ${name.padEnd(width)}  ${summary}`);
    groups.set(group, lines);
  }
  return [
    `maestro ${VERSION}: workflows that survive failure, on AWS Step Functions and on this machine.`,
    '',
    bold('Start here', color),
    '  maestro init hello               write a small workflow and a scenario that tests it',
    '  maestro test hello               run the scenario: no network, a clock that jumps',
    '  maestro prove hello/hello.yaml   see every single failure, and what is undone after it',
    '',
    ...[...groups].flatMap(([group, lines]) => [bold(group, color), ...lines, '']),
    'Exit status: 0 done, 1 a run failed, 2 wrong usage or an invalid file.',
    'More about one: `maestro COMMAND --help`.',
    '',
  ].join('\n');
}

/** What `maestro COMMAND --help` prints. */
export function commandHelp(spec: CommandSpec, summary: string, color: boolean): string {
  const options = [...spec.options, ...COMMON_OPTIONS];
  const width = Math.max(...options.map((option) => label(option).length));
  return [
    `${bold(`maestro ${spec.name}`, color)}: ${summary}`,
    '',
    `Usage: maestro ${spec.name}${spec.usage ? ` ${spec.usage}` : ''}${spec.options.length > 0 ? ' [options]' : ''}`,
    '',
    spec.description,
    '',
    bold('Options', color),
    ...options.map((option) => `  ${label(option).padEnd(width)}  ${option.help}`),
    '',
    bold('Examples', color),
    ...spec.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

function label({ name, short, value }: OptionSpec): string {
  return `${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
}
