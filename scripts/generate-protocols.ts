// Writes shared/calls/grpc/generated/protocols.ts from the .proto files that Maestro itself speaks. A test fails when they differ.

import { readFileSync, writeFileSync } from 'node:fs';
import { compileProto } from '../shared/calls/index.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(`proto/${path}`, root), 'utf8');

const text = `// Written by \`node scripts/generate-protocols.ts\` from proto/. Do not edit.

/** proto/maestro/v1/maestro.proto */
export const ENVELOPE_PROTO =
  '${await compileProto('maestro/v1/maestro.proto', read)}';

/** proto/grpc/reflection/v1/reflection.proto */
export const REFLECTION_PROTO =
  '${await compileProto('grpc/reflection/v1/reflection.proto', read)}';
`;
writeFileSync(new URL('shared/calls/grpc/generated/protocols.ts', root), text);
