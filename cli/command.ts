import type { Arguments, CommandSpec } from './arguments.ts';
import type { Io } from './io.ts';

/** A command of `maestro`: its description, and what it does. `run` resolves to the exit status. */
export interface Command {
  spec: CommandSpec;
  run(args: Arguments, io: Io): Promise<number>;
}
