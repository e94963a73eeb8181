import { CfnResource, type Stack } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { AccountPrincipal, Effect, ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { faultsOf, type Justification, statementsOf, tableOf } from './iam.ts';
import { ofType, type Synthesised, standard, synthesise, withoutFlags, withProps } from './support.ts';

/** Every action that anything of Maestro may do. An invented one passes CDK, its rule engine and cdk-nag. */
const ACTIONS = new Set([
  ...['BatchGetItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'].map((name) => `dynamodb:${name}`),
  ...['DescribeRule', 'PutEvents', 'PutRule', 'PutTargets'].map((name) => `events:${name}`),
  'lambda:InvokeFunction',
  ...['CreateLogDelivery', 'DeleteLogDelivery', 'DescribeLogGroups', 'DescribeResourcePolicies', 'GetLogDelivery'].map(
    (name) => `logs:${name}`,
  ),
  ...['ListLogDeliveries', 'PutResourcePolicy', 'UpdateLogDelivery', 'CreateLogStream', 'PutLogEvents'].map((name) => `logs:${name}`),
  ...['GetObject', 'ListBucket', 'PutObject'].map((name) => `s3:${name}`),
  'secretsmanager:GetSecretValue',
  ...['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'ReceiveMessage', 'SendMessage'].map((name) => `sqs:${name}`),
  ...['GetParameter', 'GetParametersByPath'].map((name) => `ssm:${name}`),
  ...['DescribeExecution', 'GetExecutionHistory', 'SendTaskFailure', 'SendTaskSuccess', 'StartExecution', 'StopExecution'].map(
    (name) => `states:${name}`,
  ),
  'sts:AssumeRole',
  ...['GetSamplingRules', 'GetSamplingTargets', 'PutTelemetryRecords', 'PutTraceSegments'].map((name) => `xray:${name}`),
]);

const FUNCTIONS = ['Ingress', 'Stream', 'Step', 'Checkpoint', 'Recorder', 'Starter'];
const RUNS = ['booking', 'notice', 'payment', 'ping'].map((name) => `${name}/Machine`);
const UNDOS = ['booking', 'payment'].map((name) => `${name}/Undo`);

const JUSTIFIED: Justification[] = [
  ...each(FUNCTIONS, ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], ['*'], 'X-Ray has no resources'),
  ...each(FUNCTIONS, ['s3:GetObject'], ['Maestro/Data/Values/*'], 'the bucket holds values and nothing else'),
  ...each(
    FUNCTIONS.filter((name) => name !== 'Stream'),
    ['s3:PutObject'],
    ['Maestro/Data/Values/*'],
    'the bucket holds values and nothing else',
  ),
  ...each(
    ['Ingress', 'Recorder', 'Checkpoint'],
    ['states:SendTaskFailure', 'states:SendTaskSuccess'],
    ['*'],
    'the token is the permission',
  ),
  ...each(['Step'], ['states:SendTaskSuccess'], ['*'], 'the token is the permission'),
  ...each(
    ['Ingress', 'Recorder'],
    ['states:GetExecutionHistory', 'states:StopExecution'],
    RUNS.map(executions),
    'executions have names of their own',
  ),
  ...each(['Ingress', 'Recorder'], ['states:DescribeExecution'], [...RUNS, ...UNDOS].map(executions), 'executions have names of their own'),
  ...each(['Starter'], ['states:DescribeExecution'], RUNS.map(executions), 'executions have names of their own'),
  ...each(
    ['Step'],
    ['states:DescribeExecution', 'states:StopExecution'],
    ['notice/Machine', 'payment/Machine'].map(executions),
    'children of a run',
  ),
  ...each(
    ['Step'],
    ['secretsmanager:GetSecretValue'],
    [place('secretsmanager', 'secret:/maestro/Shop-Maestro/*')],
    'workflows name their secrets',
  ),
  ...each(['Step'], ['ssm:GetParameter'], [place('ssm', 'parameter/maestro/Shop-Maestro/*')], 'workflows name their secrets'),
  ...each(
    [...RUNS, ...UNDOS].map((machine) => `Workflows/${machine}`),
    [...ACTIONS].filter((action) => action.startsWith('xray:') || /^logs:.*(?:Deliver|LogGroups|ResourcePolic)/.test(action)),
    ['*'],
    'X-Ray and log delivery have no resources',
  ),
  ...each(
    ['Workflows/booking/Machine'],
    ['states:DescribeExecution', 'states:StopExecution'],
    ['notice/Machine', 'payment/Machine', 'payment/Undo'].map(executions),
    'it waits for the executions that it starts',
  ),
  ...each(['Workflows/booking/Undo'], ['states:DescribeExecution', 'states:StopExecution'], [executions('payment/Undo')], 'as above'),
];

describe('who may do what', () => {
  it.each<[string, () => Synthesised]>([
    ['with the recommended flags', standard],
    ['without any flag', withoutFlags],
  ])('is the table that was reviewed, %s', async (_, synthesised) => {
    const table = tableOf(statementsOf(synthesised().template));

    await expect(`${table.join('\n')}\n`).toMatchFileSnapshot('./iam-table.txt');
  });

  it.each<[string, () => Synthesised]>([
    ['with the recommended flags', standard],
    ['without any flag', withoutFlags],
  ])('breaks no rule that nothing justifies, %s', (_, synthesised) => {
    expect(faultsOf(statementsOf(synthesised().template), ACTIONS, JUSTIFIED)).toEqual([]);
  });

  it('is nothing that only the undo of a child without an undo would need', () => {
    const table = tableOf(statementsOf(standard().template));

    expect(table.filter((line) => line.includes('nothing-to-undo') || line.includes('notice/Undo'))).toEqual([]);
    expect(standard().template.text).toContain(':stateMachine:nothing-to-undo');
  });
});

describe('allowDeploy', () => {
  it('adds rights to machines of one prefix and to one role, and nothing else', async () => {
    const { template } = synthesise({ build: withProps({ allowDeploy: true }) });
    const before = new Set(tableOf(statementsOf(standard().template)));

    const added = tableOf(statementsOf(template)).filter((line) => !before.has(line));

    await expect(`${added.join('\n')}\n`).toMatchFileSnapshot('./iam-table-deploy.txt');
  });

  it('keeps the role of deployed workflows within a boundary of the same actions', () => {
    const { template } = synthesise({ build: withProps({ allowDeploy: true }) });
    const [[boundary] = []] = ofType(template, 'AWS::IAM::ManagedPolicy');
    const role = Object.values(template.resources).find(({ path }) => path === 'Maestro/Deployments/Role');
    const actionsOf = (holder: string): Set<string> =>
      new Set(statementsOf(template).flatMap((one) => (one.holder === holder && one.kind === 'identity' ? one.actions : [])));

    expect(role?.Properties['PermissionsBoundary']).toEqual({ Ref: boundary });
    expect(actionsOf('Maestro/Deployments/Role').size).toBeGreaterThan(5);
    expect(actionsOf('Maestro/Deployments/Role')).toEqual(actionsOf('Maestro/Deployments/Boundary'));
  });
});

describe('each rule of the table finds what breaks it', () => {
  it.each<[string, PolicyStatement, string]>([
    ['a wildcard in an action', new PolicyStatement({ actions: ['s3:Get*'], resources: ['arn:aws:s3:::b'] }), 'wildcard in action s3:Get*'],
    ['a wildcard in a resource', new PolicyStatement({ actions: ['sqs:SendMessage'], resources: ['*'] }), 'sqs:SendMessage on *'],
    ['NotAction', new PolicyStatement({ notActions: ['iam:PassRole'], resources: ['arn:aws:s3:::b'] }), 'NotAction'],
    ['NotResource', new PolicyStatement({ actions: ['sqs:SendMessage'], notResources: ['arn:aws:s3:::b'] }), 'NotResource'],
    [
      'an action that is not known',
      new PolicyStatement({ actions: ['dynamodb:TransactWriteItems'], resources: ['arn:aws:s3:::b'] }),
      'is not an action',
    ],
  ])('%s', (_, statement, fault) => {
    expect(faultsOfBad((role) => role.addToPolicy(statement))).toEqual([expect.stringContaining(fault)]);
  });

  it('a managed policy of AWS', () => {
    const policy = ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaBasicExecutionRole');

    expect(faultsOfBad((role) => role.addManagedPolicy(policy))).toEqual([expect.stringContaining('managed policy')]);
  });

  it('a service that acts for any account', () => {
    const faults = faultsOfBad((_, stack) => {
      new Role(stack, 'Open', { assumedBy: new ServicePrincipal('events.amazonaws.com') });
      new CfnPermission(stack, 'Permission', { action: 'lambda:InvokeFunction', functionName: 'f', principal: 's3.amazonaws.com' });
    });

    expect(faults).toEqual(['Open: events.amazonaws.com for any account', 'f: s3.amazonaws.com for any account']);
  });

  it('a policy in a property that nobody looks at', () => {
    const build = (): string[] =>
      faultsOfBad((_, stack) => {
        new CfnResource(stack, 'Repository', { type: 'AWS::ECR::Repository', properties: { RepositoryPolicyText: { Statement: [] } } });
      });

    expect(build).toThrow('has a policy in RepositoryPolicyText');
  });

  it('a justification of what is not there', () => {
    const unused = { holder: 'Maestro/Step/Role', action: 'sqs:SendMessage', resource: '*', reason: 'none' };

    expect(faultsOf(statementsOf(standard().template), ACTIONS, [...JUSTIFIED, unused])).toEqual([
      'unused: Maestro/Step/Role sqs:SendMessage *',
    ]);
  });
});

describe('what an importer grants', () => {
  it('starts one workflow, by its alias alone', () => {
    const table = grants((maestro, role) => maestro.grantStart(role, 'booking'));

    expect(table).toEqual([
      'User | identity allow |  | states:StartExecution | Maestro/Workflows/booking/Machine/Machine | StringEquals states:StateMachineQualifier live',
    ]);
  });

  it('calls the API below /svc, and nothing else of it', () => {
    const table = grants((maestro, role) => maestro.grantApiInvoke(role));

    expect(table).toEqual([`User | identity allow |  | execute-api:Invoke | ${place('execute-api', 'Maestro/Api/Rest/live/*/svc/*')} | `]);
  });

  it('names the nearest workflow when there is none of that name', () => {
    expect(() => grants((maestro, role) => maestro.grantStart(role, 'bookings'))).toThrow('did you mean "booking"?');
  });
});

/** Roles × actions × resources. */
function each(holders: readonly string[], actions: readonly string[], resources: readonly string[], reason: string): Justification[] {
  return holders.flatMap((holder) =>
    actions.flatMap((action) => resources.map((resource) => ({ holder: `Maestro/${holder}/Role`, action, resource, reason }))),
  );
}

function place(service: string, rest: string): string {
  return `arn:AWS::Partition:${service}:AWS::Region:AWS::AccountId:${rest}`;
}

function executions(machine: string): string {
  return place('states', `execution:Maestro/Workflows/${machine}/Machine.Name:*`);
}

function faultsOfBad(spoil: (role: Role, stack: Stack) => void): string[] {
  const { template } = synthesise({
    build: (stack) => {
      const role = new Role(stack, 'Bad', { assumedBy: new AccountPrincipal('111122223333') });
      role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/k'] }));
      new Rule(stack, 'Unrelated', { eventPattern: { source: ['x'] } });
      spoil(role, stack);
      return [];
    },
  });
  return faultsOf(statementsOf(template), ACTIONS, []);
}

function grants(grant: (maestro: Synthesised['maestros'][number], role: Role) => void): string[] {
  const { template } = synthesise({
    build: (stack) => {
      const maestros = withProps({})(stack);
      const role = new Role(stack, 'User', { assumedBy: new AccountPrincipal('111122223333') });
      for (const maestro of maestros) grant(maestro, role);
      return maestros;
    },
  });
  return tableOf(statementsOf(template)).filter((line) => line.startsWith('User | identity'));
}
