// From the text of .proto files to the form in which a service's types travel in `ServiceConfig.proto`. Done when a workflow is compiled; the
// step function only unpacks.
//
// protobufjs reads the text; its own way back to descriptors merges files and drops imports, so descriptors are built here.

import { deflateRawSync } from 'node:zlib';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type EnumDescriptorProto,
  EnumDescriptorProtoSchema,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import protobuf from 'protobufjs';
import { isWellKnownFile, jsonNameOf, PACKED_PREFIX, wellKnownSymbols } from './descriptors.ts';
import { type CompileProtoOptions, ProtoError, type ReadProto } from './proto-error.ts';
import { pruneToMethods } from './prune-descriptors.ts';

/** `compileProto` of `proto-source.ts`, at once. */
export function packProto(entry: string, read: ReadProto, options: CompileProtoOptions = {}): string {
  const files = pruneToMethods(describeProto(entry, read), options.methods, (message) => new ProtoError(`${entry}: ${message}`));
  const set = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: renameFiles(files) }));
  return PACKED_PREFIX + deflateRawSync(set, { level: 9 }).toString('base64');
}

/** Short names instead of paths: nobody asks for a file by name later, and where a file lay must not change a definition. */
function renameFiles(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const names = new Map(files.map(({ name }, index) => [name, `${index}.proto`]));
  return files.map((file) => ({
    ...file,
    name: names.get(file.name) ?? file.name,
    dependency: file.dependency.map((name) => names.get(name) ?? name),
  }));
}

/** The descriptors of a .proto file and its imports, each after those that it imports. Throws `ProtoError`. */
export function describeProto(entry: string, read: ReadProto): FileDescriptorProto[] {
  const parsed = new Map<string, ParsedFile>();
  const missing: string[] = [];
  parseWithImports(entry, read, parsed, missing, []);
  const symbols = new Map(wellKnownSymbols());
  for (const file of parsed.values()) collectSymbols(file.namespace, file.package, symbols);
  return [...parsed.values()].map((file) => new FileDescriber(file, symbols, missing, parsed).describe());
}

interface ParsedFile {
  path: string;
  package: string;
  syntax: 'proto2' | 'proto3';
  imports: string[];
  namespace: protobuf.NamespaceBase;
}

type SymbolKind = 'message' | 'enum';

function parseWithImports(path: string, read: ReadProto, parsed: Map<string, ParsedFile>, missing: string[], stack: string[]): void {
  if (parsed.has(path) || isWellKnownFile(path)) return;
  if (stack.includes(path)) throw new ProtoError(`${path}: imports itself, by way of ${stack.join(', ')}`);
  const text = read(path);
  if (text === undefined) {
    if (stack.length === 0) throw new ProtoError(`${path}: there is no such file`);
    missing.push(path);
    return;
  }
  const file = parseFile(path, text);
  for (const imported of file.imports) parseWithImports(imported, read, parsed, missing, [...stack, path]);
  parsed.set(path, file);
}

function parseFile(path: string, text: string): ParsedFile {
  const root = new protobuf.Root();
  let result: protobuf.IParserResult;
  try {
    result = protobuf.parse(text, root, { keepCase: true });
  } catch (error) {
    throw new ProtoError(`${path}: ${error instanceof Error ? error.message : 'does not parse'}`, { cause: error });
  }
  if (/^\s*edition\s*=/m.test(stripComments(text))) {
    throw new ProtoError(
      `${path}: uses an edition, expected syntax = "proto3" or "proto2": use reflection: true for this service, or a proto3 file`,
    );
  }
  const namespace = result.package === undefined ? root : root.lookup(result.package);
  if (!(namespace instanceof protobuf.Namespace) && !(namespace instanceof protobuf.Root))
    throw new ProtoError(`${path}: package ${result.package} holds nothing`);
  return {
    path,
    package: result.package ?? '',
    syntax: /^\s*syntax\s*=\s*["']proto3["']/m.test(stripComments(text)) ? 'proto3' : 'proto2',
    imports: [...(result.imports ?? []), ...(result.weakImports ?? [])],
    namespace,
  };
}

function stripComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, ' ');
}

function collectSymbols(namespace: protobuf.NamespaceBase, prefix: string, symbols: Map<string, SymbolKind>): void {
  for (const nested of namespace.nestedArray) {
    const name = prefix === '' ? nested.name : `${prefix}.${nested.name}`;
    if (nested instanceof protobuf.Enum) symbols.set(name, 'enum');
    else if (nested instanceof protobuf.Type) {
      symbols.set(name, 'message');
      collectSymbols(nested, name, symbols);
    }
  }
}

const SCALARS: Readonly<Record<string, FieldDescriptorProto_Type>> = {
  double: FieldDescriptorProto_Type.DOUBLE,
  float: FieldDescriptorProto_Type.FLOAT,
  int64: FieldDescriptorProto_Type.INT64,
  uint64: FieldDescriptorProto_Type.UINT64,
  int32: FieldDescriptorProto_Type.INT32,
  fixed64: FieldDescriptorProto_Type.FIXED64,
  fixed32: FieldDescriptorProto_Type.FIXED32,
  bool: FieldDescriptorProto_Type.BOOL,
  string: FieldDescriptorProto_Type.STRING,
  bytes: FieldDescriptorProto_Type.BYTES,
  uint32: FieldDescriptorProto_Type.UINT32,
  sfixed32: FieldDescriptorProto_Type.SFIXED32,
  sfixed64: FieldDescriptorProto_Type.SFIXED64,
  sint32: FieldDescriptorProto_Type.SINT32,
  sint64: FieldDescriptorProto_Type.SINT64,
};

/** Builds the descriptor of one file. */
class FileDescriber {
  readonly #file: ParsedFile;
  readonly #symbols: ReadonlyMap<string, SymbolKind>;
  readonly #missing: readonly string[];
  readonly #parsed: ReadonlyMap<string, ParsedFile>;

  constructor(
    file: ParsedFile,
    symbols: ReadonlyMap<string, SymbolKind>,
    missing: readonly string[],
    parsed: ReadonlyMap<string, ParsedFile>,
  ) {
    this.#file = file;
    this.#symbols = symbols;
    this.#missing = missing;
    this.#parsed = parsed;
  }

  describe(): FileDescriptorProto {
    const { path, package: scope, syntax, imports, namespace } = this.#file;
    const file = create(FileDescriptorProtoSchema, {
      name: path,
      package: scope,
      ...(syntax === 'proto3' ? { syntax } : {}),
      dependency: imports.filter((imported) => isWellKnownFile(imported) || this.#parsed.has(imported)),
    });
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Type) file.messageType.push(this.#message(nested, scope));
      else if (nested instanceof protobuf.Enum) file.enumType.push(describeEnum(nested));
      else if (nested instanceof protobuf.Service) file.service.push(this.#service(nested, scope));
    }
    return file;
  }

  #message(type: protobuf.Type, scope: string): DescriptorProto {
    const name = scope === '' ? type.name : `${scope}.${type.name}`;
    if ('group' in type && type.group === true)
      throw new ProtoError(`${this.#file.path}: ${name} is a group, which JSON has no form for: use a message`);
    const message = create(DescriptorProtoSchema, { name: type.name });
    // The oneofs that `optional` makes come after the author's own, as protoc orders them.
    const isSynthetic = (oneof: protobuf.OneOf): boolean => oneof.fieldsArray.some((field) => field.options?.['proto3_optional'] === true);
    const oneofs = [...type.oneofsArray].sort((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)));
    message.oneofDecl = oneofs.map((oneof) => ({ $typeName: 'google.protobuf.OneofDescriptorProto', name: oneof.name }));
    for (const field of type.fieldsArray) {
      if (field instanceof protobuf.MapField) message.nestedType.push(this.#mapEntry(field, name));
      message.field.push(this.#field(field, name, oneofs));
    }
    for (const nested of type.nestedArray) {
      if (nested instanceof protobuf.Type) message.nestedType.push(this.#message(nested, name));
      else if (nested instanceof protobuf.Enum) message.enumType.push(describeEnum(nested));
    }
    return message;
  }

  /** proto2's `default` is left out: it is what a reader sees of a field that is not there, and JSON does not show such fields. */
  #field(field: protobuf.Field, scope: string, oneofs: readonly protobuf.OneOf[]): FieldDescriptorProto {
    const isMap = field instanceof protobuf.MapField;
    const options = field.options ?? {};
    const oneof = field.partOf ? oneofs.indexOf(field.partOf) : -1;
    const label = isMap || field.rule === 'repeated' ? 'REPEATED' : field.rule === 'required' ? 'REQUIRED' : 'OPTIONAL';
    return create(FieldDescriptorProtoSchema, {
      name: field.name,
      number: field.id,
      label: FieldDescriptorProto_Label[label],
      jsonName: typeof options['json_name'] === 'string' ? options['json_name'] : jsonNameOf(field.name),
      ...(isMap
        ? { type: FieldDescriptorProto_Type.MESSAGE, typeName: `.${scope}.${mapEntryName(field.name)}` }
        : this.#type(field.type, scope)),
      ...(oneof < 0 ? {} : { oneofIndex: oneof }),
      ...(options['proto3_optional'] === true ? { proto3Optional: true } : {}),
      ...(typeof options['packed'] === 'boolean' ? { options: { packed: options['packed'] } } : {}),
    });
  }

  #mapEntry(field: protobuf.MapField, scope: string): DescriptorProto {
    const label = FieldDescriptorProto_Label.OPTIONAL;
    return create(DescriptorProtoSchema, {
      name: mapEntryName(field.name),
      field: [
        { name: 'key', number: 1, label, jsonName: 'key', ...this.#type(field.keyType, scope) },
        { name: 'value', number: 2, label, jsonName: 'value', ...this.#type(field.type, scope) },
      ],
      options: { mapEntry: true },
    });
  }

  #service(service: protobuf.Service, scope: string): ServiceDescriptorProto {
    return create(ServiceDescriptorProtoSchema, {
      name: service.name,
      method: service.methodsArray.map((method) => ({
        name: method.name,
        inputType: this.#type(method.requestType, scope).typeName ?? '',
        outputType: this.#type(method.responseType, scope).typeName ?? '',
        ...(method.requestStream === true ? { clientStreaming: true } : {}),
        ...(method.responseStream === true ? { serverStreaming: true } : {}),
      })),
    });
  }

  /** A type's name is looked for from the inside out (protobuf language specification, "Packages and name resolution"). */
  #type(reference: string, scope: string): { type: FieldDescriptorProto_Type; typeName?: string } {
    const scalar = Object.hasOwn(SCALARS, reference) ? SCALARS[reference] : undefined;
    if (scalar !== undefined) return { type: scalar };
    const candidates = reference.startsWith('.')
      ? [reference.slice(1)]
      : scopesOf(scope).map((outer) => (outer === '' ? reference : `${outer}.${reference}`));
    for (const candidate of candidates) {
      const kind = this.#symbols.get(candidate);
      if (kind)
        return { type: kind === 'enum' ? FieldDescriptorProto_Type.ENUM : FieldDescriptorProto_Type.MESSAGE, typeName: `.${candidate}` };
    }
    const hint = this.#missing.length > 0 ? `; these imports were not found: ${this.#missing.join(', ')}` : '';
    throw new ProtoError(`${this.#file.path}: type ${reference}, used in ${scope || 'the file'}, does not exist${hint}`);
  }
}

function describeEnum(enumeration: protobuf.Enum): EnumDescriptorProto {
  return create(EnumDescriptorProtoSchema, {
    name: enumeration.name,
    value: Object.entries(enumeration.values).map(([name, number]) => ({ name, number })),
    ...(enumeration.options?.['allow_alias'] === true ? { options: { allowAlias: true } } : {}),
  });
}

/** `a.b.C` → `a.b.C`, `a.b`, `a`, and the outermost. */
function scopesOf(scope: string): string[] {
  const names = scope === '' ? [] : scope.split('.');
  return [...names.map((_, index) => names.slice(0, names.length - index).join('.')), ''];
}

/** protoc's name of the message behind a map field: `line_items` → `LineItemsEntry`. */
function mapEntryName(field: string): string {
  return `${field.replace(/(?:^|_+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase()).replaceAll('_', '')}Entry`;
}
