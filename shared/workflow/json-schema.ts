// The file's JSON Schema, for editors: made from the zod schemas that also check the file.

import * as z from 'zod';
import type { JsonObject } from '../json.ts';
import { isJsonObject } from '../json.ts';
import {
  EVENT_TRIGGER_SCHEMA,
  FILE_SCHEMA,
  INPUT_SCHEMA_SCHEMA,
  SCHEDULE_TRIGGER_SCHEMA,
  SEQUENCE_SCHEMA,
  SERVICE_SCHEMA,
  STEP_SCHEMAS,
} from './schema.ts';

/**
 * The JSON Schema (draft 2020-12) of a workflow file, what `maestro schema` prints.
 *
 * It says what keys there are and their types; what depends on other parts of the file only `parseWorkflow` tells.
 */
export function workflowJsonSchema(): JsonObject {
  const file = toSchema(FILE_SCHEMA);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Maestro workflow',
    ...file,
    $defs: {
      step: { anyOf: Object.values(STEP_SCHEMAS).map(toSchema) },
      branch: { anyOf: [{ $ref: '#/$defs/step' }, toSchema(SEQUENCE_SCHEMA)] },
      service: toSchema(SERVICE_SCHEMA),
      trigger: { anyOf: [toSchema(EVENT_TRIGGER_SCHEMA), toSchema(SCHEDULE_TRIGGER_SCHEMA)] },
      inputSchema: toSchema(INPUT_SCHEMA_SCHEMA),
    },
  };
}

function toSchema(schema: z.ZodType): JsonObject {
  const made: unknown = z.toJSONSchema(schema, {
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const placeholder = jsonSchema['placeholder'];
      if (typeof placeholder !== 'string') return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key as keyof typeof jsonSchema];
      jsonSchema.$ref = `#/$defs/${placeholder}`;
    },
  });
  const plain: unknown = JSON.parse(JSON.stringify(made));
  if (!isJsonObject(plain)) throw new TypeError('a zod schema became something else than a JSON Schema object');
  delete plain['$schema'];
  return plain;
}
