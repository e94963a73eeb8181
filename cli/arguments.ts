// A command's description and the reading of its arguments. One description gives parsing, `--help` and "did you mean".

import { parseArgs } from 'node:util';
import { CommandError } from './exit.ts';
import { nearest } from './nearest.ts';

export interface OptionSpec {
  /** Long name without dashes. */
  name: string;
  short?: string;
  /** What stands for the value in the help, such as `FILE`. Left out: a flag without a value. */
  value?: string;
  /** May be given more than once. */
  multiple?: true;
  help: string;
}

export interface CommandSpec {
  name: string;
  /** Positional arguments as the help shows them, such as `FILE...`. */
  usage: string;
  positionals: { min: number; max: number };
  options: OptionSpec[];
  /** What the command does, in sentences. */
  description: string;
  examples: string[];
}

export interface Arguments {
  positionals: string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): string[];
}

/** Every command has these. */
export const COMMON_OPTIONS: OptionSpec[] = [
  { name: 'json', help: 'print one JSON document for machines' },
  { name: 'help', short: 'h', help: 'show this help' },
];

/**
 * Reads `args` as the description says.
 * @throws CommandError for an unknown option, a missing value, or too few or too many arguments
 */
export function parseArguments(spec: CommandSpec, args: string[]): Arguments {
  const options = [...spec.options, ...COMMON_OPTIONS];
  const known = new Map(options.map((option) => [option.name, option]));
  const { tokens } = parseArgs({
    args,
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      options.map(({ name, short, value }) => [
        name,
        { type: value ? ('string' as const) : ('boolean' as const), ...(short ? { short } : {}) },
      ]),
    ),
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = known.get(token.name);
    if (!option) throw unknownOption(spec, token.rawName, [...known.keys()]);
    if (option.value && token.value === undefined) throw usage(spec, `${token.rawName} needs a value (${option.value})`);
    if (!option.value && token.value !== undefined) throw usage(spec, `${token.rawName} takes no value, and "${token.value}" was given`);
    const earlier = values.get(option.name) ?? [];
    if (earlier.length > 0 && option.value && !option.multiple) throw usage(spec, `${token.rawName} was given twice; once is enough`);
    values.set(option.name, [...earlier, token.value ?? '']);
  }
  if (!values.has('help')) checkCount(spec, positionals);
  return {
    positionals,
    flag: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
  };
}

/** An error of usage, with the way to the help. */
export function usage(spec: Pick<CommandSpec, 'name'>, message: string): CommandError {
  return new CommandError('usage', `maestro ${spec.name}: ${message}. See \`maestro ${spec.name} --help\`.`);
}

function unknownOption(spec: CommandSpec, written: string, names: string[]): CommandError {
  const meant = nearest(written.replace(/^-+/, ''), names);
  return usage(spec, `there is no option ${written}${meant ? `; did you mean --${meant}?` : ''}`);
}

function checkCount(spec: CommandSpec, positionals: string[]): void {
  const { min, max } = spec.positionals;
  if (positionals.length < min) {
    const alternatives = spec.usage.includes(' | ');
    throw usage(
      spec,
      alternatives
        ? `nothing was said to do; expected ${spec.usage}`
        : `${spec.usage.split(' ')[positionals.length] ?? 'an argument'} is missing`,
    );
  }
  if (positionals.length > max) throw usage(spec, `"${positionals[max]}" is one argument too many`);
}
