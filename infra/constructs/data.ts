// What is kept: the table of records, the bucket of large values, the key of the audit chain. The ids here are frozen: a new id is a new,
// empty table.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { ENV } from '../../shared/protocol/environment.ts';
import type { HandlerFunction } from './handler-function.ts';
import { allow } from './policies.ts';

/** The longest run that Step Functions allows: a value is kept that long, and then as long as records are. */
const LONGEST_RUN_DAYS = 365;

export interface DataProps {
  readonly retentionDays: number;
  /** Of table, bucket and secret. */
  readonly removalPolicy: RemovalPolicy;
  /** Left out: keys that AWS manages. */
  readonly encryptionKey: IKey | undefined;
}

export class Data extends Construct {
  readonly table: Table;
  readonly bucket: Bucket;
  readonly auditSecret: Secret;
  readonly #retentionDays: number;
  readonly #key: IKey | undefined;

  constructor(scope: Construct, id: string, { retentionDays, removalPolicy, encryptionKey }: DataProps) {
    super(scope, id);
    const retained = removalPolicy !== RemovalPolicy.DESTROY;
    this.#retentionDays = retentionDays;
    this.#key = encryptionKey;
    this.table = new Table(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      // The attribute that shared/store/dynamodb writes.
      timeToLiveAttribute: 'ttl',
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: encryptionKey ? TableEncryption.CUSTOMER_MANAGED : TableEncryption.AWS_MANAGED,
      ...(encryptionKey ? { encryptionKey } : {}),
      deletionProtection: retained,
      removalPolicy,
    });
    this.bucket = new Bucket(this, 'Values', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      encryption: encryptionKey ? BucketEncryption.KMS : BucketEncryption.S3_MANAGED,
      ...(encryptionKey ? { encryptionKey, bucketKeyEnabled: true } : {}),
      // A value is written once and never changed, so there are no versions to go back to.
      versioned: false,
      lifecycleRules: [
        { expiration: Duration.days(LONGEST_RUN_DAYS + retentionDays), abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
      removalPolicy,
    });
    this.auditSecret = new Secret(this, 'AuditKey', {
      description: "Key of Maestro's audit chain. Never rotate it: receipts that are there would no longer verify.",
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      ...(encryptionKey ? { encryptionKey } : {}),
      removalPolicy,
    });
  }

  /** Reads and writes records, and values that were too large for them. */
  grantRecords(to: HandlerFunction): void {
    this.#grant(to, ['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'], ['GetObject', 'PutObject']);
  }

  /** Reads records, and counts requests of keys. */
  grantReads(to: HandlerFunction): void {
    this.#grant(to, ['BatchGetItem', 'GetItem', 'Query', 'UpdateItem'], ['GetObject']);
  }

  #grant(to: HandlerFunction, onTable: readonly string[], onValues: readonly string[]): void {
    to.setEnvironment(ENV.table, this.table.tableName);
    to.setEnvironment(ENV.bucket, this.bucket.bucketName);
    to.setEnvironment(ENV.retentionDays, String(this.#retentionDays));
    to.allow(
      allow(
        onTable.map((name) => `dynamodb:${name}`),
        [this.table.tableArn],
      ),
      allow(
        onValues.map((name) => `s3:${name}`),
        [this.bucket.arnForObjects('*')],
      ),
      // Without it a value that is not there would be answered as "access denied".
      allow(['s3:ListBucket'], [this.bucket.bucketArn]),
    );
    this.#grantKey(to);
  }

  /** Signs and verifies receipts. */
  grantAudit(to: HandlerFunction): void {
    to.setEnvironment(ENV.auditSecret, this.auditSecret.secretArn);
    to.allow(allow(['secretsmanager:GetSecretValue'], [this.auditSecret.secretArn]));
    this.#grantKey(to);
  }

  /** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html and the same of S3 and Secrets Manager. */
  #grantKey(to: HandlerFunction): void {
    if (this.#key) to.allow(allow(['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'], [this.#key.keyArn]));
  }
}
