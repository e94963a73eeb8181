// The records and the catalogue on AWS, for every function: one table, one bucket, one path of parameters.

import type { Clock } from '../../shared/clock.ts';
import { machineOf, unqualified } from '../../shared/protocol/arns.ts';
import { createRuns, type Runs } from '../../shared/runs/index.ts';
import { createDynamoStore, createS3Blobs } from '../../shared/store/dynamodb/index.ts';
import type { Store } from '../../shared/store/index.ts';
import { type AwsCatalog, createCatalog } from './catalog.ts';
import { readManifest, readParameters } from './catalog-sources.ts';
import type { AwsClients } from './clients.ts';
import type { Config } from './config.ts';
import { listDeployed } from './deployed.ts';

const DAY_MS = 24 * 3_600_000;

/** What every function is told. */
export const RECORD_SETTINGS = ['table', 'bucket', 'stack'] as const;
/** What it may be told: without a catalogue, a workflow is named as its state machine. */
export const CATALOG_SETTINGS = ['workflowsPath', 'manifestBucket', 'manifestKey'] as const;
export const OPTIONAL_RECORD_SETTINGS = ['retentionDays', ...CATALOG_SETTINGS] as const;

export type RecordConfig = Config<(typeof RECORD_SETTINGS)[number], (typeof OPTIONAL_RECORD_SETTINGS)[number]>;

export interface Records {
  runs: Runs;
  /** Undefined where the function is not told of one. */
  catalog: AwsCatalog | undefined;
}

export function createRecords(config: RecordConfig, clients: AwsClients, clock: Clock): Records {
  const store = createDynamoStore({ client: clients.dynamo, table: config.table, clock });
  const catalog = createAwsCatalog(config, clients, store, clock);
  const days = Number(config.retentionDays);
  const runs = createRuns({
    store,
    blobs: createS3Blobs({ client: async () => (await clients.s3()).client, bucket: config.bucket }),
    clock,
    announceEnds: true,
    ...(days > 0 ? { retentionMs: days * DAY_MS } : {}),
    workflowOf: (executionArn) => workflowOf(catalog, executionArn),
  });
  return { runs, catalog };
}

function createAwsCatalog(config: RecordConfig, clients: AwsClients, store: Store, clock: Clock): AwsCatalog | undefined {
  const { workflowsPath, manifestBucket, manifestKey } = config;
  if (workflowsPath === undefined || manifestBucket === undefined || manifestKey === undefined) return undefined;
  return createCatalog({
    clock,
    manifest: () => readManifest(clients.s3, { bucket: manifestBucket, key: manifestKey }),
    parameters: () => readParameters(clients.ssm, workflowsPath),
    deployed: () => listDeployed(store),
  });
}

/** Machines have names that CloudFormation made: only the catalogue knows whose they are. */
async function workflowOf(catalog: AwsCatalog | undefined, executionArn: string): Promise<string> {
  const machine = machineOf(executionArn);
  return (await catalog?.nameOf(machine)) ?? unqualified(machine).split(':').at(-1) ?? machine;
}
