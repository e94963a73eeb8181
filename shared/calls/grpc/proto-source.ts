// The door to the .proto compiler: loads it when the first file is compiled, so that a step function never does.

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

/**
 * Compiles a .proto file with all that it imports into the text for `ServiceConfig.proto`.
 * @param entry Path of the service's file, handed to `read` first.
 * @param read Text of `entry` and of imports; `google/protobuf/*.proto` are never asked for. An import that is missing is an error only if a type of it is
 *   used: files that only carry options (`google/api/annotations.proto`) need not be there.
 * @returns `deflate:` and a compressed FileDescriptorSet in base64. The same input gives the same text.
 * @throws {ProtoError} Syntax errors, unknown types, unknown methods, editions and groups.
 *
 * @example
 * const proto = await compileProto('billing.proto', (path) => files[path], { methods: ['billing.v1.Billing/CreateCustomer'] });
 */
export async function compileProto(entry: string, read: ReadProto, options: CompileProtoOptions = {}): Promise<string> {
  const compiler = await import('./compile-proto.ts');
  return compiler.packProto(entry, read, options);
}
