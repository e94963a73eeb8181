// Large values as objects below one prefix of a bucket.

import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Blobs } from '../ports.ts';

export interface S3BlobsOptions {
  client: S3Client;
  bucket: string;
  /** Put before every key; default none. */
  prefix?: string;
}

export function createS3Blobs({ client, bucket, prefix = '' }: S3BlobsOptions): Blobs {
  return {
    async put(key, bytes) {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: prefix + key, Body: bytes, ContentType: 'application/json' }));
    },
    async get(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + key }));
        return await Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof NoSuchKey || (error instanceof Error && error.name === 'NoSuchKey')) return undefined;
        throw error;
      }
    },
  };
}
