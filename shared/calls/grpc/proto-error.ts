// What the .proto compiler is given, and the error it throws.

export interface CompileProtoOptions {
  /** `billing.v1.Billing/CreateCustomer`, as in the steps: only what these need is kept, so that definitions stay small. Default: everything. */
  methods?: readonly string[];
}

/** The text of an imported file by its path in the `import` line; undefined where there is no such file. */
export type ReadProto = (importPath: string) => string | undefined;

/** A .proto file that cannot be used: the message says file and line where the parser knows it. */
export class ProtoError extends Error {
  readonly code = 'MST5002';
  override readonly name = 'ProtoError';
}
