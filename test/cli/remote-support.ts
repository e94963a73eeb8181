// A command line in this process, with streams that are kept.

import type { Io } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';

export interface Done {
  status: number;
  stdout: string;
  stderr: string;
}

export interface Line {
  done: Promise<Done>;
  /** Ctrl-C. */
  interrupt(): void;
}

export interface LineOptions {
  cwd?: string;
  env?: { [name: string]: string };
  input?: string;
  /** Told of every piece that was printed. */
  onPrint?: (text: string) => void;
}

/** Begins a command. */
export function beginLine(args: string[], { cwd = '/nowhere', env = {}, input = '', onPrint }: LineOptions = {}): Line {
  const printed = { out: '', err: '' };
  let stop: (signal: 'SIGINT' | 'SIGTERM') => void = () => {};
  const io: Io = {
    out: (text) => {
      printed.out += text;
      onPrint?.(text);
    },
    err: (text) => {
      printed.err += text;
      onPrint?.(text);
    },
    terminal: { out: false, err: false },
    color: { out: false, err: false },
    columns: () => 80,
    cwd,
    env,
    readInput: async () => input,
    onInterrupt(given) {
      stop = given;
      return () => {
        stop = () => {};
      };
    },
    exitNow: (status) => {
      throw new Error(`the process would have ended with ${status}`);
    },
  };
  return {
    done: run(args, io).then((status) => ({ status, stdout: printed.out, stderr: printed.err })),
    interrupt: () => stop('SIGINT'),
  };
}

/** Runs a command to its end. */
export function line(args: string[], options?: LineOptions): Promise<Done> {
  return beginLine(args, options).done;
}
