// One of Maestro's own functions, from `functions/<name>/handler.ts`.
//
//   H1. Only the alias `live` is ever called, and versions are kept: what runs keeps the code it was started with.
//   H2. Its role and log group are its own; nothing is granted but by `allow`.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Policy, type PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { Alias, Architecture, type IFunction, type IVersion, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { LIVE_ALIAS } from '../../shared/protocol/environment.ts';
import { BUNDLING } from './bundling.ts';
import { allow, serviceRole } from './policies.ts';

const ROOT = join(import.meta.dirname, '..', '..');

const { alias, ...SETTINGS } = BUNDLING;
/** The AWS SDK is bundled as well: Lambda's own copy changes under a function. */
const NODEJS_BUNDLING: BundlingOptions = {
  ...SETTINGS,
  format: OutputFormat.ESM,
  bundleAwsSDK: true,
  logLevel: LogLevel.WARNING,
  esbuildArgs: Object.fromEntries(Object.entries(alias).map(([name, file]) => [`--alias:${name}`, file])),
};

/** A network that a function runs in. */
export interface Network {
  readonly vpc: IVpc;
  readonly subnets?: SubnetSelection;
  readonly securityGroups?: ISecurityGroup[];
}

export interface HandlerFunctionProps {
  /** Folder below `functions/`. */
  readonly handler: string;
  readonly description: string;
  readonly timeout: Duration;
  /** MiB. CPU comes with it. */
  readonly memorySize: number;
  readonly logRetention: RetentionDays;
  /** At most this many at a time, kept free for it. Left out: no more than the account has. */
  readonly reservedConcurrency?: number;
  readonly network?: Network;
}

export class HandlerFunction extends Construct {
  /** What is called: `live`. */
  readonly alias: Alias;
  readonly role: Role;
  readonly timeout: Duration;
  readonly #function: NodejsFunction;
  #later: Policy | undefined;

  constructor(scope: Construct, id: string, props: HandlerFunctionProps) {
    super(scope, id);
    const { handler, description, timeout, memorySize, reservedConcurrency, network } = props;
    const entry = join(ROOT, 'functions', handler, 'handler.ts');
    if (!existsSync(entry)) throw new Error(`function "${handler}": there is no ${entry}; expected the handler that Lambda calls`);
    this.timeout = timeout;
    this.role = serviceRole(this, 'Role', 'lambda.amazonaws.com', `Maestro's function ${handler}`);
    const logGroup = new LogGroup(this, 'Logs', { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    this.allow(allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]));
    if (network) this.allow(allowNetwork());
    this.#function = new NodejsFunction(this, 'Function', {
      entry,
      projectRoot: ROOT,
      depsLockFilePath: join(ROOT, 'package-lock.json'),
      bundling: NODEJS_BUNDLING,
      description,
      timeout,
      memorySize,
      logGroup,
      role: this.role,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      tracing: Tracing.ACTIVE,
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      ...(network
        ? {
            vpc: network.vpc,
            vpcSubnets: network.subnets ?? {},
            ...(network.securityGroups ? { securityGroups: network.securityGroups } : {}),
          }
        : {}),
    });
    // CDK's classes are written without exactOptionalPropertyTypes; it implements the interface.
    this.alias = new Alias(this, 'Live', { aliasName: LIVE_ALIAS, version: this.#function.currentVersion as IVersion });
  }

  /** The alias for constructs that take a function. */
  get target(): IFunction {
    // As above.
    return this.alias as IFunction;
  }

  /** For resources that name a function and its alias apart; nobody else calls it by this. */
  get functionName(): string {
    return this.#function.functionName;
  }

  /** Grants, before the function is there. */
  allow(...statements: PolicyStatement[]): void {
    for (const statement of statements) this.role.addToPolicy(statement);
  }

  /**
   * Grants in a policy that the function does not wait for: for resources that themselves need this function (state machines call it), which
   * would otherwise be a circle.
   */
  allowLater(...statements: PolicyStatement[]): void {
    this.#later ??= new Policy(this, 'LaterPolicy', { roles: [this.role] });
    this.#later.addStatements(...statements);
  }

  /** @param name of `ENV` */
  setEnvironment(name: string, value: string): void {
    this.#function.addEnvironment(name, value);
  }
}

/** Network interfaces cannot be named beforehand. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html */
function allowNetwork(): PolicyStatement {
  return allow(
    [
      'ec2:AssignPrivateIpAddresses',
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:UnassignPrivateIpAddresses',
    ],
    ['*'],
  );
}
