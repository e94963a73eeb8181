// The door to the .proto compiler: loads it when the first file is compiled, so that a step function never does.

import type { CompileProtoOptions, ReadProto } from './proto-error.ts';

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
