/**
 * Something that the embedded runtime cannot do, with a message for people: where, what was found, what was expected, what to do.
 * `code` is for programs: `data_folder`, `busy`, `not_found`, `conflict`, `invalid_input`, `not_registered`, `storage`, `holder`.
 */
export class RuntimeProblem extends Error {
  override readonly name = 'RuntimeProblem';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
