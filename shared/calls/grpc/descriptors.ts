// Descriptors of protobuf types: unpacking `ServiceConfig.proto`, and a registry from files that came from there or from server reflection.

import { inflateRawSync } from 'node:zlib';
import { create, createFileRegistry, createRegistry, type DescFile, fromBinary, type Registry } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';

/** Marks a compressed FileDescriptorSet in `ServiceConfig.proto`; without it the text is one as protoc writes it, in base64. */
export const PACKED_PREFIX = 'deflate:';
/** Largest set of descriptors that is unpacked, bytes. */
const MAX_DESCRIPTOR_BYTES = 10 * 1024 * 1024;

/** Each after those that it imports. */
const WELL_KNOWN: readonly DescFile[] = [
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  file_google_protobuf_type,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
];
const WELL_KNOWN_FILES = new Map(WELL_KNOWN.map((file) => [file.proto.name, file]));

/** True for the files of `google/protobuf/` that every protobuf tool brings along. */
export function isWellKnownFile(path: string): boolean {
  return WELL_KNOWN_FILES.has(path);
}

/** Full names of the types in those files. */
export function* wellKnownSymbols(): Iterable<[name: string, kind: 'message' | 'enum']> {
  for (const type of createRegistry(...WELL_KNOWN)) if (type.kind === 'message' || type.kind === 'enum') yield [type.typeName, type.kind];
}

/**
 * The files of a `ServiceConfig.proto`.
 * @throws {Error} The text is not what `compileProto` or protoc writes.
 */
export function unpackDescriptors(packed: string): FileDescriptorProto[] {
  const bytes = packed.startsWith(PACKED_PREFIX)
    ? inflateRawSync(Buffer.from(packed.slice(PACKED_PREFIX.length), 'base64'), { maxOutputLength: MAX_DESCRIPTOR_BYTES })
    : Buffer.from(packed, 'base64');
  return fromBinary(FileDescriptorSetSchema, bytes).file;
}

/**
 * A registry of all types in the files and of the well-known ones, so that an `Any` can hold any of them.
 * @throws {Error} A file imports one that is not there, or a descriptor is not valid.
 */
export function registryOf(files: readonly FileDescriptorProto[]): Registry {
  const own = sortByImport(files.filter((file) => !isWellKnownFile(file.name)));
  for (const file of own) for (const message of file.messageType) fillJsonNames(message);
  const wellKnown = WELL_KNOWN.map((file) => file.proto);
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...wellKnown, ...own] }));
}

/** A field's name in JSON (protobuf, "ProtoJSON format"): lowerCamelCase. */
export function jsonNameOf(field: string): string {
  return field.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
}

/** Compilers write `json_name`; servers that build descriptors by hand may not. */
function fillJsonNames(message: DescriptorProto): void {
  for (const field of message.field) if (field.jsonName === '') field.jsonName = jsonNameOf(field.name);
  for (const nested of message.nestedType) fillJsonNames(nested);
}

function sortByImport(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const sorted = new Map<string, FileDescriptorProto>();
  const visiting = new Set<string>();
  const visit = (file: FileDescriptorProto): void => {
    if (sorted.has(file.name) || visiting.has(file.name)) return;
    visiting.add(file.name);
    for (const name of file.dependency) {
      const imported = byName.get(name);
      if (imported) visit(imported);
    }
    sorted.set(file.name, file);
  };
  for (const file of files) visit(file);
  return [...sorted.values()];
}
