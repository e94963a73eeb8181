// The `Store` on one DynamoDB table with the keys `pk` and `sk` (texts) and the TTL attribute `ttl`. Single-item writes and strongly
// consistent reads only.

import { isDeepStrictEqual } from 'node:util';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../clock.ts';
import { sleep } from '../../clock.ts';
import type { JsonObject } from '../../json.ts';
import type { Item, Key, ListOptions, Store } from '../ports.ts';
import { type Attributes, fromAttributes, toAttributes } from './attributes.ts';
import { conditionExpression, createPlaceholders, TTL, updateExpression } from './expressions.ts';

/** DynamoDB's own limit of one BatchGetItem. */
const MAX_KEYS = 100;
/** Keys that a throttled table left out are asked for again after this, doubling. */
const FIRST_PAUSE_MS = 25;
const MAX_PAUSES = 8;

export interface DynamoStoreOptions {
  /** Retries of throttled and failed requests are the client's. */
  client: DynamoDBClient;
  table: string;
  clock: Clock;
}

export function createDynamoStore({ client, table, clock }: DynamoStoreOptions): Store {
  async function readMany(keys: Key[]): Promise<Map<string, JsonObject>> {
    const found = new Map<string, JsonObject>();
    // DynamoDB refuses a request that names a key twice.
    const unique = new Map(keys.map((key) => [textOf(key), key]));
    let left: Attributes[] = [...unique.values()].map(keyAttributes);
    for (let pause = 0; left.length > 0; pause++) {
      if (pause > 0) await sleep(clock, FIRST_PAUSE_MS * 2 ** (pause - 1));
      const answer: BatchGetItemCommandOutput = await client.send(
        new BatchGetItemCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } }),
      );
      for (const item of answer.Responses?.[table] ?? []) found.set(textOf(keyOf(item)), fromAttributes(item));
      left = answer.UnprocessedKeys?.[table]?.Keys ?? [];
      if (left.length > 0 && pause >= MAX_PAUSES)
        throw new Error(`dynamodb table ${table}: ${left.length} items could not be read, it is throttled`);
    }
    return found;
  }

  async function readOne(key: Key): Promise<JsonObject | undefined> {
    const { Item } = await client.send(new GetItemCommand({ TableName: table, Key: keyAttributes(key), ConsistentRead: true }));
    return Item && fromAttributes(Item);
  }

  return {
    async read(keys) {
      const [first, second] = keys;
      if (!first) return [];
      if (keys.length > MAX_KEYS) throw new RangeError(`store read: found ${keys.length} keys, expected at most ${MAX_KEYS}`);
      if (!second) return [await readOne(first)];
      const found = await readMany(keys);
      return keys.map((key) => found.get(textOf(key)));
    },
    async put(key, body, condition, expiresAt) {
      const use = createPlaceholders();
      const expression = conditionExpression(condition, use);
      if (expression === null) return false;
      const item: Attributes = { ...toAttributes(body), ...keyAttributes(key) };
      if (expiresAt !== undefined) item[TTL] = { N: String(expiresAt) };
      const command = new PutItemCommand({
        TableName: table,
        Item: item,
        ...(expression === undefined ? {} : { ConditionExpression: expression }),
        ...use.fields(),
      });
      try {
        await client.send(command);
        return true;
      } catch (error) {
        if (!isConditionFailure(error)) throw error;
        // Of a second try, it may be one's own first one that stands in the way: its answer was lost, and what it wrote is there.
        return (error.$metadata?.attempts ?? 1) > 1 && isDeepStrictEqual(await readOne(key), fromAttributes(item));
      }
    },
    async update(key, change, condition) {
      const use = createPlaceholders();
      const expression = conditionExpression(condition, use);
      if (expression === null) return undefined;
      const update = updateExpression(change, use);
      const command = new UpdateItemCommand({
        TableName: table,
        Key: keyAttributes(key),
        ReturnValues: 'ALL_NEW',
        ...(update === undefined ? {} : { UpdateExpression: update }),
        ...(expression === undefined ? {} : { ConditionExpression: expression }),
        ...use.fields(),
      });
      const answer = await held(client.send(command));
      return answer === false ? undefined : fromAttributes(answer.Attributes ?? {});
    },
    async delete(key, condition) {
      const use = createPlaceholders();
      const expression = conditionExpression(condition, use);
      if (expression === null) return false;
      const command = new DeleteItemCommand({
        TableName: table,
        Key: keyAttributes(key),
        ...(expression === undefined ? {} : { ConditionExpression: expression }),
        ...use.fields(),
      });
      return held(client.send(command).then(() => true as const));
    },
    async list(pk, options = {}) {
      const start = startKey(pk, options);
      if (start === null) return [];
      const items: Item[] = [];
      let from: Attributes | undefined = start;
      do {
        const left: number | undefined = options.limit === undefined ? undefined : options.limit - items.length;
        const answer = await client.send(
          new QueryCommand({
            ...queryOf(table, pk, options),
            ...(left === undefined ? {} : { Limit: left }),
            ...(from ? { ExclusiveStartKey: from } : {}),
          }),
        );
        for (const item of answer.Items ?? []) items.push({ ...keyOf(item), body: fromAttributes(item) });
        from = answer.LastEvaluatedKey;
      } while (from && (options.limit === undefined || items.length < options.limit));
      return items;
    },
    async durable() {},
  };
}

/** False when the condition did not hold; any other failure is thrown. */
async function held<T>(request: Promise<T>): Promise<T | false> {
  try {
    return await request;
  } catch (error) {
    if (isConditionFailure(error)) return false;
    throw error;
  }
}

/** By name too: a bundle may hold the class twice. */
function isConditionFailure(error: unknown): error is Error & { $metadata?: { attempts?: number } } {
  return error instanceof ConditionalCheckFailedException || (error instanceof Error && error.name === 'ConditionalCheckFailedException');
}

function queryOf(table: string, pk: string, options: ListOptions): QueryCommandInput {
  const use = createPlaceholders();
  const parts = [`${use.name('pk')} = ${use.value({ S: pk })}`];
  if (options.prefix) parts.push(`begins_with(${use.name('sk')}, ${use.value({ S: options.prefix })})`);
  return {
    TableName: table,
    KeyConditionExpression: parts.join(' AND '),
    ConsistentRead: true,
    ScanIndexForward: !options.reverse,
    ...use.fields(),
  };
}

/**
 * `after` as DynamoDB's start key, which need not exist but must lie within the prefix. Undefined: from the beginning. Null: nothing is
 * after it.
 */
function startKey(pk: string, { prefix, after, reverse }: ListOptions): Attributes | undefined | null {
  if (after === undefined) return undefined;
  if (!prefix || after.startsWith(prefix)) return keyAttributes({ pk, sk: after });
  const before = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) < 0;
  return before === (reverse ?? false) ? null : undefined;
}

function keyAttributes({ pk, sk }: Key): Attributes {
  return { pk: { S: pk }, sk: { S: sk } };
}

function keyOf(item: Attributes): Key {
  return { pk: item['pk']?.S ?? '', sk: item['sk']?.S ?? '' };
}

function textOf({ pk, sk }: Key): string {
  return `${pk}\u0000${sk}`;
}
