// One of Maestro's own functions: in the repository bundled from `functions/<name>/handler.ts` at synth, in the package from the bundle that it holds.
//
//   H1. Only the alias `live` is ever called, and versions are kept: what runs keeps the code it was started with.
//   H2. Its role and log group are its own; nothing is granted but by `allow`.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Policy, type PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { Alias, Architecture, Code, type IFunction, type IVersion, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { type BundlingOptions, LogLevel, NodejsFunction, type NodejsFunctionProps, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { LIVE_ALIAS } from '../../shared/protocol/environment.ts';
import type { Network } from '../public-types.ts';
import { BUNDLING } from './bundling.ts';
import { allow, serviceRole } from './policies.ts';

/** Of the repository, or of the package: there this file is a part of `dist/infra/index.js`, as many folders below. */
const ROOT = join(import.meta.dirname, '..', '..');

/** `BUNDLING` in CDK's words. The AWS SDK is bundled as well: Lambda's own copy changes under a function. */
const NODEJS_BUNDLING: BundlingOptions = {
  format: OutputFormat.ESM,
  target: BUNDLING.target,
  minify: BUNDLING.minify,
  sourceMap: BUNDLING.sourcemap,
  sourcesContent: BUNDLING.sourcesContent,
  mainFields: BUNDLING.mainFields,
  banner: BUNDLING.banner.js,
  bundleAwsSDK: true,
  logLevel: LogLevel.WARNING,
  esbuildArgs: Object.fromEntries(Object.entries(BUNDLING.alias).map(([name, file]) => [`--alias:${name}`, file])),
};

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
    this.timeout = timeout;
    this.role = serviceRole(this, 'Role', 'lambda.amazonaws.com', `Maestro's function ${handler}`);
    const logGroup = new LogGroup(this, 'Logs', { retention: props.logRetention, removalPolicy: RemovalPolicy.DESTROY });
    this.allow(allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]));
    if (network) this.allow(allowNetwork());
    this.#function = new NodejsFunction(this, 'Function', {
      ...codeOf(handler),
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

/**
 * Where there is a source it is bundled, by esbuild. The package has none, but what esbuild made of it: without esbuild in the project,
 * `NodejsFunction` would ask Docker.
 */
function codeOf(handler: string): NodejsFunctionProps {
  const entry = join(ROOT, 'functions', handler, 'handler.ts');
  if (existsSync(entry)) return { entry, projectRoot: ROOT, depsLockFilePath: join(ROOT, 'package-lock.json'), bundling: NODEJS_BUNDLING };
  const bundle = join(ROOT, 'dist', 'functions', handler);
  if (existsSync(bundle)) return { code: Code.fromAsset(bundle), handler: 'index.handler' };
  throw new Error(
    `function "${handler}": there is neither ${entry} nor ${bundle}; expected the handler that Lambda calls, or its bundle. Install Maestro again.`,
  );
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
