// Where the catalogue is read: the manifest on S3, the ARNs in Parameter Store.

import type { WorkflowParameter } from '../../shared/protocol/environment.ts';
import { type Manifest, parseManifest, parseWorkflowParameter } from './catalog.ts';
import type { S3Door, SsmDoor } from './clients.ts';

/** The most that GetParametersByPath gives in one page. */
const PAGE = 10;

/** @param path below which there is one parameter per workflow, without a slash at its end */
export async function readParameters(ssm: () => Promise<SsmDoor>, path: string): Promise<Map<string, WorkflowParameter>> {
  const { sdk, client } = await ssm();
  const found = new Map<string, WorkflowParameter>();
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new sdk.GetParametersByPathCommand({ Path: path, MaxResults: PAGE, ...(nextToken === undefined ? {} : { NextToken: nextToken }) }),
    );
    for (const { Name = '', Value = '' } of page.Parameters ?? []) {
      const name = Name.slice(Name.lastIndexOf('/') + 1);
      found.set(name, parseWorkflowParameter(name, Value));
    }
    nextToken = page.NextToken;
  } while (nextToken !== undefined);
  return found;
}

export async function readManifest(s3: () => Promise<S3Door>, place: { bucket: string; key: string }): Promise<Manifest> {
  const { sdk, client } = await s3();
  const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: place.bucket, Key: place.key }));
  return parseManifest((await Body?.transformToString()) ?? '');
}
