// The command line's entry: finds the command, reads its arguments, runs it, and turns every ending into an exit status.

import { parseArguments } from './arguments.ts';
import { COMMANDS } from './commands/index.ts';
import { CommandError, EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './exit.ts';
import { commandHelp, overview } from './help.ts';
import { type Io, processIo } from './io.ts';
import { nearest } from './nearest.ts';
import { VERSION } from './version.ts';

/** Runs the process's own arguments and ends the process with the status. */
export async function runAsProcess(): Promise<void> {
  const io = processIo();
  const status = await run(process.argv.slice(2), io);
  // What was written to a pipe may still be on its way; the process must not end before it has left.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => stream.write('', () => resolve()))));
  process.exit(status);
}

/**
 * Runs one command line.
 * @param argv what stands after `maestro`
 * @returns the exit status: 0 done, 1 a run failed, 2 wrong usage or an invalid file. Never rejects.
 */
export async function run(argv: string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    io.err(overview(io.color.err));
    return EXIT_USAGE;
  }
  try {
    if (name === '--version' || name === '-v') return print(io, `${VERSION}\n`);
    if (name === '--help' || name === '-h') return print(io, overview(io.color.out));
    if (name === 'help') return await help(rest[0], io);
    const entry = COMMANDS[name];
    if (!entry || !Object.hasOwn(COMMANDS, name)) throw unknownCommand(name);
    const command = await entry.load();
    const args = parseArguments(command.spec, rest);
    if (args.flag('help')) return print(io, commandHelp(command.spec, entry.summary, io.color.out));
    return await command.run(args, io);
  } catch (error) {
    return failed(error, argv.includes('--json'), io);
  }
}

function print(io: Io, text: string): number {
  io.out(text);
  return EXIT_DONE;
}

async function help(name: string | undefined, io: Io): Promise<number> {
  if (name === undefined) return print(io, overview(io.color.out));
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!entry) throw unknownCommand(name);
  return print(io, commandHelp((await entry.load()).spec, entry.summary, io.color.out));
}

function unknownCommand(name: string): CommandError {
  const meant = nearest(name, Object.keys(COMMANDS));
  return new CommandError(
    'usage',
    `maestro: there is no command "${name}"${meant ? `; did you mean \`maestro ${meant}\`?` : '.'} \`maestro --help\` lists them.`,
  );
}

function failed(error: unknown, json: boolean, io: Io): number {
  if (error instanceof CommandError) {
    if (json) io.out(`${JSON.stringify({ error: { code: error.code, message: error.message, ...error.details } })}\n`);
    else io.err(`${error.message}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json) io.out(`${JSON.stringify({ error: { code: 'internal', message: error instanceof Error ? error.message : String(error) } })}\n`);
  io.err(`maestro: this should not have happened, and is a fault of maestro itself:\n${text}\n`);
  return EXIT_FAILED;
}
