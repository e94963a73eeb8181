// A run's input as it is given on the command line.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Json } from '../shared/json.ts';
import { validateInput, type Workflow } from '../shared/workflow/index.ts';
import { CommandError, EXIT_USAGE } from './exit.ts';
import { readBytes } from './files.ts';
import type { Io } from './io.ts';

/** The most that an input may have. Beyond 200 KB it is stored beside the run. */
const MAX_INPUT_BYTES = 10 * 1024 * 1024;

/** What `--input` takes, for the help of every command that has it. */
export const INPUT_HELP = 'the input: JSON, @FILE, or - for standard input (default {})';

/**
 * Reads and checks the input.
 * @param given the value of `--input`
 * @throws CommandError when it is not JSON, or does not fit the workflow's `input`
 */
export async function readInput(given: string | undefined, workflow: Workflow, io: Io): Promise<Json> {
  const { value: input, from } = await read('input', given, io);
  const issues = workflow.input ? validateInput(workflow.input, input) : [];
  if (issues.length > 0) {
    const lines = issues.map(({ path, message }) => `  ${path === '' ? 'the input' : path}: ${message}`);
    throw new CommandError(
      'invalid_input',
      `${from}: it is not what ${workflow.file} asks for under \`input\`, so nothing was started:\n${lines.join('\n')}`,
      EXIT_USAGE,
      { issues },
    );
  }
  return input;
}

/**
 * Reads JSON that an option gives, whatever it is to be.
 * @param option its name, for messages
 * @param given its value: JSON, `@FILE`, or `-` for standard input; left out: `{}`
 * @throws CommandError when it is not JSON
 */
export async function readJson(option: string, given: string | undefined, io: Io): Promise<Json> {
  return (await read(option, given, io)).value;
}

async function read(option: string, given: string | undefined, io: Io): Promise<{ value: Json; from: string }> {
  const { text, from } = await textOf(option, given, io);
  return { value: parseJson(text, { option, from, given }, io), from };
}

async function textOf(option: string, given: string | undefined, io: Io): Promise<{ text: string; from: string }> {
  if (given === undefined) return { text: '{}', from: `--${option} (not given, so {})` };
  if (given === '-') return { text: await io.readInput(), from: 'standard input' };
  if (!given.startsWith('@')) return { text: given, from: `--${option}` };
  return { text: new TextDecoder().decode(readBytes(given.slice(1), io, 'a JSON file', MAX_INPUT_BYTES)), from: given.slice(1) };
}

function parseJson(text: string, { option, from, given }: { option: string; from: string; given: string | undefined }, io: Io): Json {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as Json;
  } catch (error) {
    // The parser quotes the text, and the text may be personal.
    const reason = error instanceof Error ? error.message.replace(/, (?:\.\.\.)?".*$/s, '').replace(/ is not valid JSON$/, '') : '';
    const isFile =
      given !== undefined && !given.startsWith('@') && given !== '-' && given.length < 1_000 && existsSync(resolve(io.cwd, given));
    const hint = isFile
      ? ` To read the file of that name write --${option} @${given}.`
      : ` Expected JSON such as '{"name": "value"}', in single quotes so that the shell leaves it alone.`;
    throw new CommandError('invalid_input', `${from}: this is not JSON (${reason || 'it is empty'}), so nothing was started.${hint}`);
  }
}
