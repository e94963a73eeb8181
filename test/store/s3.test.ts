import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createS3Blobs } from '../../shared/store/dynamodb/index.ts';

/** As much of S3 as two requests need, over the wire. */
const objects = new Map<string, Buffer>();
let server: Server;
let client: S3Client;

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://s3').pathname);
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.method === 'PUT') {
        objects.set(path, Buffer.concat(parts));
        response.writeHead(200, { ETag: '"x"' }).end();
        return;
      }
      const found = objects.get(path);
      if (path.startsWith('/denied'))
        response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
      else if (found) response.writeHead(200, { 'content-length': found.length }).end(found);
      else
        response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchKey</Code><Message>none</Message></Error>');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});
afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

describe('s3 blobs', () => {
  it('give back what was put below the prefix, and undefined for what was not', async () => {
    const blobs = createS3Blobs({ client: async () => client, bucket: 'values', prefix: 'stage/' });
    const bytes = new TextEncoder().encode('{"a":"ü"}');

    await blobs.put('run_1/0001.00002', bytes);

    expect([...objects.keys()]).toEqual(['/values/stage/run_1/0001.00002']);
    expect(Buffer.from((await blobs.get('run_1/0001.00002')) ?? []).toString()).toBe('{"a":"ü"}');
    expect(await blobs.get('run_1/0002')).toBeUndefined();
  });

  it('throw what is not a missing object', async () => {
    await expect(createS3Blobs({ client: async () => client, bucket: 'denied' }).get('a')).rejects.toThrow('no');
  });
});
