// Findings of cdk-nag's AwsSolutions pack that are right about the template and wrong about Maestro: rule, construct, reason. They are told to CDK on
// the narrowest construct, so that they hold wherever the construct is used. The tests compare this with what is found, both ways.

import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';
import type { Functions, Parts } from './functions.ts';

interface Acknowledgement {
  on: IConstruct;
  /** Of the pack, with the finding in brackets where the rule has several. */
  rule: string;
  reason: string;
}

const NO_RESOURCES =
  'These actions take no resource: tracing (X-Ray), delivery of logs (CloudWatch Logs), answers to task tokens (Step Functions, where the token is the permission), network interfaces of a function in a VPC (EC2).';
const EXECUTIONS = 'Executions have names of their own: all of one machine of ours are meant, and no other machine.';
const VALUES = 'Large values are objects of one bucket, which holds nothing else, below keys that are made when a run needs them.';

/** Tells CDK what is acknowledged, and why. */
export function acknowledgeFindings(functions: Functions, parts: Parts, secretsPath: string): void {
  const all = [
    ...Object.values(functions).flatMap((each) => [
      ...policiesOf(each.role).map((on) => ({ on, rule: 'IAM5[Resource::*]', reason: NO_RESOURCES })),
      ...policiesOf(each.role).map((on) => ({ on, rule: `IAM5[Resource::<${logicalId(parts.data.bucket)}.Arn>/*]`, reason: VALUES })),
    ]),
    ...ofExecutions(functions, parts),
    ...ofMachines(parts),
    ...ofSecrets(functions, secretsPath),
    ...ofData(parts),
    ...ofApi(parts),
    ...ofDeployments(functions, parts),
  ];
  for (const { on, rule, reason } of all) Validations.of(on).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}

function ofExecutions({ ingress, recorder, starter, step }: Functions, { workflows, deployments }: Parts): Acknowledgement[] {
  const runs = workflows.all.map(({ machine }) => executionsFinding(machine));
  const undos = workflows.all.flatMap(({ undo }) => (undo ? [executionsFinding(undo.machine)] : []));
  const on = (policies: IConstruct[], rules: string[]): Acknowledgement[] =>
    policies.flatMap((policy) => rules.map((rule) => ({ on: policy, rule, reason: EXECUTIONS })));
  return [
    ...on(policiesOf(ingress.role), [...runs, ...undos]),
    ...on(policiesOf(recorder.role), [...runs, ...undos]),
    ...on(policiesOf(starter.role), runs),
    ...on(laterPolicyOf(step), deployments ? runs : workflows.children.map(({ machine }) => executionsFinding(machine))),
  ];
}

function ofMachines({ workflows }: Parts): Acknowledgement[] {
  return workflows.machines.flatMap(({ role, nested }) =>
    policiesOf(role).flatMap((on) => [
      { on, rule: 'IAM5[Resource::*]', reason: NO_RESOURCES },
      ...nested.map(({ machine }) => ({ on, rule: executionsFinding(machine), reason: EXECUTIONS })),
    ]),
  );
}

function ofSecrets({ step }: Functions, secretsPath: string): Acknowledgement[] {
  const reason = 'Workflows name their secrets; all of them lie below one path that is for Maestro alone.';
  const place = (service: string, resource: string): string =>
    `IAM5[Resource::arn:<AWS::Partition>:${service}:<AWS::Region>:<AWS::AccountId>:${resource}${secretsPath}*]`;
  return policiesOf(step.role).flatMap((on) => [
    { on, rule: place('secretsmanager', 'secret:'), reason },
    { on, rule: place('ssm', 'parameter'), reason },
  ]);
}

function ofData({ data, queues }: Parts): Acknowledgement[] {
  const dead = 'It is a dead-letter queue: of rules, schedules and asynchronous invocations, which the rule does not look at, or of undos.';
  return [
    {
      on: data.bucket,
      rule: 'S1',
      reason:
        "Only Maestro's functions reach it. Access logs would be a second copy of its keys; data events of CloudTrail serve whoever needs them.",
    },
    {
      on: data.auditSecret,
      rule: 'SMG4',
      reason: 'It is the key of the audit chain. Rotated, it would no longer verify the receipts that are there.',
    },
    ...[queues.triggerDeadLetters, queues.undoDeadLetters, queues.recorderDeadLetters].map((on) => ({ on, rule: 'SQS3', reason: dead })),
  ];
}

function ofApi({ api }: Parts): Acknowledgement[] {
  const { api: rest } = api;
  const keys = 'Keys are checked by ingress, which knows tenant, scopes and limits of each; below /svc API Gateway checks IAM.';
  const logRole = api.node.tryFindChild('LogRole');
  return [
    {
      on: rest,
      rule: 'APIG2',
      reason: 'Ingress checks every request against the schemas that OpenAPI is made of, and says what is wrong.',
    },
    {
      on: rest.deploymentStage,
      rule: 'APIG3',
      reason: 'Which web ACL, and at which price, is for the account to say; one can be put in front.',
    },
    {
      on: rest.deploymentStage,
      rule: 'APIG6',
      reason: 'The access log has every request. Execution logs would hold bodies and keys.',
    },
    ...rest.methods.flatMap((on) => [
      { on, rule: 'COG4', reason: keys },
      ...(api.isPublic(on) ? [{ on, rule: 'APIG4', reason: keys }] : []),
    ]),
    ...(logRole ? policiesOf(logRole).map((on) => ({ on, rule: 'IAM5[Resource::*]', reason: ACCOUNT_LOGS })) : []),
  ];
}

function ofDeployments({ ingress, recorder, starter, step }: Functions, { deployments, workflows }: Parts): Acknowledgement[] {
  if (!deployments) return [];
  const reason = 'Machines that the API deploys have names with a prefix that nothing else has; which there will be cannot be known here.';
  const machines = finding(deployments, deployments.machines);
  const executions = finding(deployments, deployments.executions);
  const starters = [ingress, recorder, starter].flatMap(({ role }) => policiesOf(role));
  const own = policiesOf(deployments.role);
  const named = workflows.machines.map(({ machine }) => executionsFinding(machine));
  const { boundary } = deployments;
  const most = 'It is a boundary: it allows nothing, and names every machine that the role could ever be allowed to start by its alias.';
  const any = (resource: string): string => `IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:${resource}]`;
  return [
    ...[...starters, ...own].map((on) => ({ on, rule: machines, reason })),
    ...[...starters, ...own, ...laterPolicyOf(step)].map((on) => ({ on, rule: executions, reason })),
    ...own.flatMap((on) => [
      { on, rule: 'IAM5[Resource::*]', reason: NO_RESOURCES },
      ...named.map((rule) => ({ on, rule, reason: EXECUTIONS })),
    ]),
    { on: boundary, rule: 'IAM5[Resource::*]', reason: NO_RESOURCES },
    ...[any('stateMachine:*'), any('execution:*:*')].map((rule) => ({ on: boundary, rule, reason: most })),
  ];
}

/** An ARN as the pack prints it. */
function finding(scope: IConstruct, arn: string): string {
  const { partition, region, account } = Stack.of(scope);
  const plain = arn.replace(partition, '<AWS::Partition>').replace(region, '<AWS::Region>').replace(account, '<AWS::AccountId>');
  return `IAM5[Resource::${plain}]`;
}

const ACCOUNT_LOGS =
  'API Gateway makes log groups for any API of the account; these are the rights that its documentation asks of the role.';

/** `<stack's name of the machine>`, as the pack prints a resource. */
function executionsFinding(machine: IConstruct): string {
  return `IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<${logicalId(machine)}.Name>:*]`;
}

function policiesOf(role: IConstruct | Role): IConstruct[] {
  const policy = role.node.tryFindChild('DefaultPolicy');
  return policy ? [policy] : [];
}

function laterPolicyOf(step: IConstruct): IConstruct[] {
  const policy = step.node.tryFindChild('LaterPolicy');
  return policy ? [policy] : [];
}

function logicalId(construct: IConstruct): string {
  const resource = construct.node.defaultChild;
  if (!CfnResource.isCfnResource(resource)) throw new Error(`${construct.node.path}: it has no resource of its own`);
  return Stack.of(construct).getLogicalId(resource);
}
