// Items as DynamoDB holds them: one attribute per field, so that conditions and changes work on fields.
//
//   A1. Texts, numbers and booleans are themselves. Lists and objects are JSON text in a map `{json: …}`: DynamoDB nests at most 32 levels,
//       and nobody looks into them there.
//   A2. A field's attribute has a prefix, so that no field collides with the keys or the TTL attribute.

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Json, JsonObject } from '../../json.ts';
import { setOwn } from '../../json.ts';

const PREFIX = 'f_';
/** DynamoDB's numbers: 38 digits, magnitudes from 1e-130 to 9.99…e125. Others travel as JSON text. */
const LARGEST = 9.9e125;
const SMALLEST = 1e-129;

export type Attributes = { [name: string]: AttributeValue };

export function attributeName(field: string): string {
  return PREFIX + field;
}

export function toAttribute(value: Json): AttributeValue {
  switch (typeof value) {
    case 'string':
      return { S: value };
    case 'boolean':
      return { BOOL: value };
    case 'number': {
      const size = Math.abs(value);
      return size === 0 || (size <= LARGEST && size >= SMALLEST) ? { N: String(value) } : { M: { json: { S: JSON.stringify(value) } } };
    }
    default:
      return value === null ? { NULL: true } : { M: { json: { S: JSON.stringify(value) } } };
  }
}

function fromAttribute(attribute: AttributeValue): Json {
  if (attribute.S !== undefined) return attribute.S;
  if (attribute.N !== undefined) return Number(attribute.N);
  if (attribute.BOOL !== undefined) return attribute.BOOL;
  if (attribute.NULL) return null;
  const text = attribute.M?.['json']?.S;
  if (text === undefined) throw new Error('dynamodb item: found an attribute that Maestro does not write');
  return JSON.parse(text) as Json;
}

export function toAttributes(body: JsonObject): Attributes {
  const attributes: Attributes = {};
  for (const [field, value] of Object.entries(body)) attributes[attributeName(field)] = toAttribute(value);
  return attributes;
}

export function fromAttributes(attributes: Attributes): JsonObject {
  const body: JsonObject = {};
  for (const [name, attribute] of Object.entries(attributes)) {
    if (name.startsWith(PREFIX)) setOwn(body, name.slice(PREFIX.length), fromAttribute(attribute));
  }
  return body;
}
