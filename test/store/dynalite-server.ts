// A DynamoDB over the wire, in this process.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { systemClock } from '../../shared/clock.ts';
import { createDynamoStore } from '../../shared/store/dynamodb/index.ts';
import type { Store } from '../../shared/store/index.ts';

export interface DynaliteServer {
  client: DynamoDBClient;
  endpoint: string;
  table: string;
  store(): Store;
  close(): Promise<void>;
}

export async function startDynalite(): Promise<DynaliteServer> {
  const server: Server = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  const table = 'maestro';
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
    }),
  );
  return {
    client,
    endpoint,
    table,
    store: () => createDynamoStore({ client, table, clock: systemClock }),
    close() {
      client.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
