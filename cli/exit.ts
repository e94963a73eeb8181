// How a command ends: 0 done, 1 a run failed, 2 wrong usage or an invalid file.

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/**
 * A command that cannot go on. The message is for people and complete: where, what was found, what was expected, what to do.
 * With `--json` it becomes `{error: {code, message}}` on standard output.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;
  readonly code: string;
  /** More for machines, beside code and message. */
  readonly details: object;

  constructor(code: string, message: string, exitCode: number = EXIT_USAGE, details: object = {}) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
    this.details = details;
  }
}
