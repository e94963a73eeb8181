// The process as a command sees it. Commands write, read and ask through this, never through `process`, so that tests can drive them.

/** What a command may use of its process. */
export interface Io {
  /** Writes to standard output: results. A reader that went away is no error, the text is dropped. */
  out(text: string): void;
  /** Writes to standard error: progress, diagnostics, failures. */
  err(text: string): void;
  /** Standard output, standard error: is it a terminal that a person looks at? */
  readonly terminal: { out: boolean; err: boolean };
  /** May colours be used there (a terminal, no NO_COLOR, not `TERM=dumb`)? */
  readonly color: { out: boolean; err: boolean };
  /** Width of the terminal in columns; 80 when it is none. */
  columns(): number;
  readonly cwd: string;
  readonly env: { readonly [name: string]: string | undefined };
  /** All of standard input as text. */
  readInput(): Promise<string>;
  /** Calls `stop` on Ctrl-C and on a request to terminate, each time; returns a function that takes it back. */
  onInterrupt(stop: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Ends the process at once, without waiting for anything: what is on disk is what is kept. */
  exitNow(status: number): void;
}

/** The real process. */
export function processIo(): Io {
  const env = process.env;
  const mayColor = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const terminal = { out: process.stdout.isTTY === true, err: process.stderr.isTTY === true };
  // A run must not end because `| head` has read enough: after a broken pipe the command goes on and its text is dropped.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    terminal,
    color: { out: terminal.out && mayColor, err: terminal.err && mayColor },
    columns: () => process.stderr.columns ?? process.stdout.columns ?? 80,
    cwd: process.cwd(),
    env,
    async readInput() {
      const parts: Buffer[] = [];
      for await (const part of process.stdin) parts.push(Buffer.from(part));
      return Buffer.concat(parts).toString('utf8');
    },
    exitNow: (status) => process.exit(status),
    onInterrupt(stop) {
      const interrupt = (): void => stop('SIGINT');
      const terminate = (): void => stop('SIGTERM');
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', terminate);
      return () => {
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', terminate);
      };
    },
  };
}
