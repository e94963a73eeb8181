// Keeps of a set of descriptors what some methods need: it travels in every message of the workflow's definition.

import type { DescriptorProto, FieldDescriptorProto, FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { isWellKnownFile } from './descriptors.ts';

/**
 * The files with only these methods and the top-level types that they reach. The files themselves are not changed.
 * @param methods `package.Service/Method`; undefined keeps everything.
 * @param error Makes the error that is thrown when a method does not exist.
 */
export function pruneToMethods(
  files: readonly FileDescriptorProto[],
  methods: readonly string[] | undefined,
  error: (message: string) => Error,
): FileDescriptorProto[] {
  if (!methods) return [...files];
  const wanted = new Set(methods);
  const roots: string[] = [];
  const found = new Set<string>();
  const services = new Map<FileDescriptorProto, FileDescriptorProto['service']>();
  for (const file of files) {
    const kept = file.service.map((service) => {
      const fullName = qualify(file.package, service.name);
      const method = service.method.filter(({ name }) => wanted.has(`${fullName}/${name}`));
      for (const { name, inputType, outputType } of method) {
        found.add(`${fullName}/${name}`);
        roots.push(inputType, outputType);
      }
      return { ...service, method };
    });
    services.set(
      file,
      kept.filter(({ method }) => method.length > 0),
    );
  }
  for (const method of wanted)
    if (!found.has(method)) throw error(`method ${method} does not exist; there are: ${allMethods(files).join(', ') || 'none'}`);
  const reached = reach(files, roots);
  return dropUnusedFiles(
    files.map((file) => ({
      ...file,
      service: services.get(file) ?? [],
      messageType: file.messageType.filter(({ name }) => reached.has(qualify(file.package, name))),
      enumType: file.enumType.filter(({ name }) => reached.has(qualify(file.package, name))),
      extension: [],
    })),
  );
}

/** `package.Service/Method` of every method. */
function allMethods(files: readonly FileDescriptorProto[]): string[] {
  return files.flatMap((file) =>
    file.service.flatMap((service) => service.method.map(({ name }) => `${qualify(file.package, service.name)}/${name}`)),
  );
}

/** Full names of the top-level types that are reached from some types, by fields. */
function reach(files: readonly FileDescriptorProto[], roots: readonly string[]): ReadonlySet<string> {
  const topLevel = new Map<string, DescriptorProto | undefined>();
  for (const file of files) {
    for (const message of file.messageType) topLevel.set(qualify(file.package, message.name), message);
    for (const enumeration of file.enumType) topLevel.set(qualify(file.package, enumeration.name), undefined);
  }
  const reached = new Set<string>();
  const pending = [...roots];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const owner = ownerOf(name.replace(/^\./, ''), topLevel);
    if (owner === undefined || reached.has(owner)) continue;
    reached.add(owner);
    const message = topLevel.get(owner);
    if (message) pending.push(...fieldsOf(message).flatMap(({ typeName }) => (typeName === '' ? [] : [typeName])));
  }
  return reached;
}

/** A nested type is kept with the top-level one that it stands in. */
function ownerOf(name: string, topLevel: ReadonlyMap<string, unknown>): string | undefined {
  for (let owner = name; owner !== ''; owner = owner.slice(0, Math.max(0, owner.lastIndexOf('.')))) if (topLevel.has(owner)) return owner;
  return undefined;
}

function fieldsOf(message: DescriptorProto): FieldDescriptorProto[] {
  return [...message.field, ...message.nestedType.flatMap(fieldsOf)];
}

function dropUnusedFiles(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const kept = files.filter(({ service, messageType, enumType }) => service.length + messageType.length + enumType.length > 0);
  const names = new Set(kept.map(({ name }) => name));
  return kept.map((file) => ({
    ...file,
    publicDependency: [],
    weakDependency: [],
    dependency: file.dependency.filter((name) => names.has(name) || isWellKnownFile(name)),
  }));
}

function qualify(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}
