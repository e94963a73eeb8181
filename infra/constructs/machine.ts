// One state machine: its role, a version for each revision and the alias that leads to the newest.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArnFormat, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import {
  CfnStateMachineAlias,
  CfnStateMachineVersion,
  DefinitionBody,
  LogLevel,
  StateMachine,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { LIVE_ALIAS } from '../../shared/protocol/environment.ts';
import { allow, allowTracing, serviceRole } from './policies.ts';

/** Larger definitions travel as files: a template holds 1 MB in all. */
const MAX_INLINE_BYTES = 100_000;

/** A deployed machine. */
export interface Machine {
  readonly machine: StateMachine;
  /** ARN of the alias `live`. */
  readonly live: string;
  readonly role: Role;
  /** Machines that it starts and waits for. */
  readonly nested: readonly Machine[];
}

export interface MachineProps {
  /** The definition as JSON, with placeholders. */
  readonly text: string;
  /** A value for each placeholder. */
  readonly values: { readonly [placeholder: string]: string };
  readonly role: Role;
  readonly express: boolean;
  /** Of all machines: a group for each would be two more of the 500 resources of a stack for every workflow. */
  readonly logs: LogGroup;
}

/** @param scope of this machine alone */
export function createMachine(scope: Construct, { text, values, role, express, logs }: MachineProps): Pick<Machine, 'machine' | 'live'> {
  const make = (definitionBody: DefinitionBody): StateMachine =>
    new StateMachine(scope, 'Machine', {
      definitionBody,
      definitionSubstitutions: { ...values },
      stateMachineType: express ? StateMachineType.EXPRESS : StateMachineType.STANDARD,
      role,
      tracingEnabled: true,
      logs: { destination: logs, level: LogLevel.ALL, includeExecutionData: false },
    });
  const machine =
    Buffer.byteLength(text) <= MAX_INLINE_BYTES
      ? make(DefinitionBody.fromString(text))
      : withTemporaryFile('definition.asl.json', text, (file) => make(DefinitionBody.fromFile(file)));
  return { machine, live: publish(scope, machine) };
}

/** ARN of a machine by its name, which may end in `*`. */
export function machineArn(scope: Construct, name: string): string {
  const machine = { service: 'states', resource: 'stateMachine', arnFormat: ArnFormat.COLON_RESOURCE_NAME };
  return Stack.of(scope).formatArn({ ...machine, resourceName: name });
}

/** Delivering logs has no resources. https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html */
export function machineRole(scope: Construct): Role {
  const role = serviceRole(
    scope,
    'Role',
    'states.amazonaws.com',
    `Maestro's state machine ${scope.node.scope?.node.id}`,
    machineArn(scope, '*'),
  );
  role.addToPolicy(allowTracing());
  role.addToPolicy(
    allow(
      [
        'logs:CreateLogDelivery',
        'logs:DeleteLogDelivery',
        'logs:DescribeLogGroups',
        'logs:DescribeResourcePolicies',
        'logs:GetLogDelivery',
        'logs:ListLogDeliveries',
        'logs:PutResourcePolicy',
        'logs:UpdateLogDelivery',
      ],
      ['*'],
    ),
  );
  return role;
}

/** The prefix keeps the account's one resource policy of log delivery from growing with every group. */
export function executionLogs(scope: Construct, retention: RetentionDays): LogGroup {
  const name = Names.uniqueResourceName(scope, { maxLength: 200, separator: '-', allowedSpecialCharacters: '-_' });
  return new LogGroup(scope, 'Logs', { logGroupName: `/aws/vendedlogs/states/${name}`, retention, removalPolicy: RemovalPolicy.DESTROY });
}

/** A version per revision of the machine, kept when the next one comes, and the alias that leads to the newest. */
function publish(scope: Construct, machine: StateMachine): string {
  const version = new CfnStateMachineVersion(scope, 'Version', {
    stateMachineArn: machine.stateMachineArn,
    stateMachineRevisionId: machine.stateMachineRevisionId,
  });
  version.applyRemovalPolicy(RemovalPolicy.RETAIN);
  const alias = new CfnStateMachineAlias(scope, 'Live', {
    name: LIVE_ALIAS,
    routingConfiguration: [{ stateMachineVersionArn: version.attrArn, weight: 100 }],
  });
  return alias.attrArn;
}

/**
 * Starting by an alias is authorised on the machine itself, narrowed by the alias's name.
 * https://docs.aws.amazon.com/step-functions/latest/dg/auth-version-alias.html
 */
export function startStatement(machineArns: readonly string[]): PolicyStatement {
  return allow(['states:StartExecution'], machineArns, { StringEquals: { 'states:StateMachineQualifier': LIVE_ALIAS } });
}

/** `startExecution.sync:2`. https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html ("IAM policies") */
export function nestedStatements(scope: Construct, machineArns: readonly string[], executions: readonly string[]): PolicyStatement[] {
  const rule = { service: 'events', resource: 'rule', resourceName: 'StepFunctionsGetEventsForStepFunctionsExecutionRule' };
  return [
    startStatement(machineArns),
    allow(['states:DescribeExecution', 'states:StopExecution'], executions),
    allow(['events:DescribeRule', 'events:PutRule', 'events:PutTargets'], [Stack.of(scope).formatArn(rule)]),
  ];
}

/**
 * Assets are made of files and named by their content: where they lay is nowhere in the template. `use` makes the asset, which copies the file, and
 * then it is removed.
 */
export function withTemporaryFile<T>(name: string, text: string, use: (file: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'maestro-'));
  try {
    const file = join(folder, name);
    writeFileSync(file, text);
    return use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
