// Conditions and changes as DynamoDB expressions. Names and values always go by placeholder, so that no field name is a reserved word.

import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Json } from '../../json.ts';
import type { Change, Condition } from '../ports.ts';
import { type Attributes, attributeName, toAttribute } from './attributes.ts';

/** The TTL attribute: epoch seconds. */
export const TTL = 'ttl';

/** Collects the placeholders of one request. */
export interface Placeholders {
  name(attribute: string): string;
  value(attribute: AttributeValue): string;
  /** The two maps of the request; left out where they are empty, for DynamoDB refuses empty ones. */
  fields(): { ExpressionAttributeNames?: { [placeholder: string]: string }; ExpressionAttributeValues?: Attributes };
}

export function createPlaceholders(): Placeholders {
  const names = new Map<string, string>();
  const values: AttributeValue[] = [];
  return {
    name(attribute) {
      let placeholder = names.get(attribute);
      if (placeholder === undefined) names.set(attribute, (placeholder = `#n${names.size}`));
      return placeholder;
    },
    value(attribute) {
      values.push(attribute);
      return `:v${values.length - 1}`;
    },
    fields() {
      const byName = Object.fromEntries([...names].map(([attribute, placeholder]) => [placeholder, attribute]));
      const byValue = Object.fromEntries(values.map((value, index) => [`:v${index}`, value]));
      return {
        ...(names.size > 0 ? { ExpressionAttributeNames: byName } : {}),
        ...(values.length > 0 ? { ExpressionAttributeValues: byValue } : {}),
      };
    },
  };
}

/** Undefined where there is no condition; null where it can never hold. */
export function conditionExpression(condition: Condition | undefined, use: Placeholders): string | undefined | null {
  const parts: string[] = [];
  if (condition?.absent) parts.push(`attribute_not_exists(${use.name('pk')})`);
  if (condition?.present) parts.push(`attribute_exists(${use.name('pk')})`);
  for (const [field, value] of Object.entries(condition?.equals ?? {})) parts.push(equals(field, value, use));
  for (const [field, values] of Object.entries(condition?.oneOf ?? {})) {
    if (values.length === 0) return null;
    parts.push(`${use.name(attributeName(field))} IN (${values.map((value) => use.value(toAttribute(value))).join(', ')})`);
  }
  for (const [field, least] of Object.entries(condition?.atLeast ?? {}))
    parts.push(`${use.name(attributeName(field))} >= ${use.value(toAttribute(least))}`);
  return parts.length > 0 ? parts.join(' AND ') : undefined;
}

function equals(field: string, value: Json, use: Placeholders): string {
  const name = use.name(attributeName(field));
  if (value !== null) return `${name} = ${use.value(toAttribute(value))}`;
  return `(attribute_not_exists(${name}) OR ${name} = ${use.value({ NULL: true })})`;
}

/** Undefined where nothing changes: then the item is only created. */
export function updateExpression(change: Change, use: Placeholders): string | undefined {
  const set = Object.entries(change.set ?? {}).map(
    ([field, value]) => `${use.name(attributeName(field))} = ${use.value(toAttribute(value))}`,
  );
  if (change.expiresAt !== undefined) set.push(`${use.name(TTL)} = ${use.value({ N: String(change.expiresAt) })}`);
  const add = Object.entries(change.add ?? {}).map(([field, by]) => `${use.name(attributeName(field))} ${use.value(toAttribute(by))}`);
  const remove = (change.remove ?? []).map((field) => use.name(attributeName(field)));
  const clauses = [
    set.length > 0 ? `SET ${set.join(', ')}` : '',
    add.length > 0 ? `ADD ${add.join(', ')}` : '',
    remove.length > 0 ? `REMOVE ${remove.join(', ')}` : '',
  ].filter((clause) => clause !== '');
  return clauses.length > 0 ? clauses.join(' ') : undefined;
}
