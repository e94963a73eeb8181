import { RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { EventBus, type IEventBus } from 'aws-cdk-lib/aws-events';
import { EventBus as EventBusTarget } from 'aws-cdk-lib/aws-events-targets';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, it } from 'vitest';
import { Maestro, type MaestroProps } from '../../infra/index.ts';
import { statementsOf, tableOf } from './iam.ts';
import { circlesOf, list, object, ofType, standard, synthesise, type Template, WORKFLOWS } from './support.ts';

type Make = (stack: Stack) => Partial<MaestroProps>;

/** Every prop beside the workflows, another value than the default, and what has to be different then. */
const PROPS: { [prop in Exclude<keyof MaestroProps, 'workflows'>]-?: { make: Make; differs: (template: Template) => unknown } } = {
  name: { make: () => ({ name: 'Other' }), differs: (template) => environmentOf(template, 'Step')['MAESTRO_STACK'] },
  env: { make: () => ({ env: { REGION: 'eu' } }), differs: (template) => environmentOf(template, 'Step')['MAESTRO_ENV_REGION'] },
  logRetention: {
    make: () => ({ logRetention: RetentionDays.ONE_WEEK }),
    differs: (template) => ofType(template, 'AWS::Logs::LogGroup').map(([, { Properties }]) => Properties['RetentionInDays']),
  },
  retentionDays: { make: () => ({ retentionDays: 7 }), differs: (template) => environmentOf(template, 'Step')['MAESTRO_RETENTION_DAYS'] },
  removalPolicy: {
    make: () => ({ removalPolicy: RemovalPolicy.DESTROY }),
    differs: (template) =>
      ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'].flatMap((type) =>
        ofType(template, type).map(([, { DeletionPolicy }]) => DeletionPolicy),
      ),
  },
  encryptionKey: {
    make: (stack) => ({ encryptionKey: new Key(stack, 'Key') }),
    differs: (template) => ofType(template, 'AWS::S3::Bucket').map(([, { Properties }]) => JSON.stringify(Properties['BucketEncryption'])),
  },
  network: {
    make: (stack) => ({ network: { vpc: new Vpc(stack, 'Vpc', { maxAzs: 1 }) as IVpc } }),
    differs: (template) => Object.keys(object(functionOf(template, 'Step')['VpcConfig'] ?? {})),
  },
  allowPrivateAddresses: {
    make: () => ({ allowPrivateAddresses: true }),
    differs: (template) => environmentOf(template, 'Step')['MAESTRO_ALLOW_PRIVATE_ADDRESSES'],
  },
  maxStreams: { make: () => ({ maxStreams: 0 }), differs: (template) => functionOf(template, 'Stream')['ReservedConcurrentExecutions'] },
  alarmActions: {
    make: (stack) => ({ alarmActions: { page: [new SnsAction(new Topic(stack, 'Pager'))] } }),
    differs: (template) => ofType(template, 'AWS::CloudWatch::Alarm').filter(([, { Properties }]) => Properties['AlarmActions']).length,
  },
  allowDeploy: { make: () => ({ allowDeploy: true }), differs: (template) => environmentOf(template, 'Ingress')['MAESTRO_ALLOW_DEPLOY'] },
  accountLogRole: { make: () => ({ accountLogRole: true }), differs: (template) => ofType(template, 'AWS::ApiGateway::Account').length },
};

describe('every prop', () => {
  it.each(Object.entries(PROPS))('%s changes what it is for', (_, { make, differs }) => {
    const { template } = synthesise({ build: (stack) => [new Maestro(stack, 'Maestro', { workflows: WORKFLOWS, ...make(stack) })] });

    expect(differs(template)).not.toEqual(differs(standard().template));
  });
});

describe('a folder of workflows', () => {
  it.each([
    ['test/infra/nothing', /there is no folder .*test\/infra\/nothing; expected a folder of workflow files/],
    ['test/infra', /has no workflow files/],
  ])('has to be one: %s', (workflows, told) => {
    expect(() => synthesise({ build: (stack) => [new Maestro(stack, 'Maestro', { workflows })] })).toThrow(told);
  });
});

describe('a key of the caller', () => {
  it('encrypts table, bucket and audit key, and every function may use it', () => {
    const { template } = synthesise({
      build: (stack) => [new Maestro(stack, 'Maestro', { workflows: WORKFLOWS, encryptionKey: new Key(stack, 'Key') })],
    });
    const [[key]] = ofType(template, 'AWS::KMS::Key') as [[string, unknown]];
    const held = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'].flatMap((type) => ofType(template, type));
    const users = ofType(template, 'AWS::IAM::Policy').filter(([, { Properties }]) => JSON.stringify(Properties).includes(key));

    expect(held.filter(([, { Properties }]) => !JSON.stringify(Properties).includes(key))).toEqual([]);
    expect(users.map(([, { path }]) => path.split('/')[1]).sort()).toEqual([
      'Checkpoint',
      'Ingress',
      'Recorder',
      'Starter',
      'Step',
      'Stream',
    ]);
  });
});

describe('everything at once', () => {
  it('has no circle among its resources, and the step function may use the network', () => {
    const { template } = synthesise({
      build: (stack) => {
        const network = { vpc: new Vpc(stack, 'Vpc', { maxAzs: 1 }) as IVpc };
        const props = { network, encryptionKey: new Key(stack, 'Key'), allowDeploy: true, accountLogRole: true, env: { RATING: 'rating' } };
        return [new Maestro(stack, 'Maestro', { workflows: WORKFLOWS, ...props })];
      },
    });
    const step = tableOf(statementsOf(template)).filter((line) => line.startsWith('Maestro/Step/Role | identity') && line.includes('ec2:'));

    expect(circlesOf(template)).toEqual([]);
    expect(step.length).toBe(6);
    expect(object(functionOf(template, 'Step')['VpcConfig'])).toMatchObject({ SubnetIds: [expect.anything()] });
    expect(functionOf(template, 'Ingress')['VpcConfig']).toBeUndefined();
    expect(environmentOf(template, 'Step')['MAESTRO_ALLOW_PRIVATE_ADDRESSES']).toBe('true');
  });
});

describe('the step function', () => {
  it('may call the Lambda functions that workflows name, whether written or in `env`', () => {
    const { template } = standard();
    const [, policy] = ofType(template, 'AWS::IAM::Policy').find(([, { path }]) => path === 'Maestro/Step/Role/DefaultPolicy') ?? [];
    const invoked = list(object(policy?.Properties['PolicyDocument'])['Statement']).map(object);

    const [statement] = invoked.filter(({ Action }) => Action === 'lambda:InvokeFunction');

    expect(list(statement?.['Resource']).map((arn) => JSON.stringify(arn).match(/function:[\w:]+/)?.[0])).toEqual([
      'function:pricing:live',
      'function:rating',
    ]);
  });
});

describe("Maestro's own events", () => {
  it('can be sent on', () => {
    const { template } = synthesise({
      build: (stack) => {
        const maestro = new Maestro(stack, 'Maestro', { workflows: WORKFLOWS });
        maestro.onRunEvent('Failed', new EventBusTarget(new EventBus(stack, 'Mine') as IEventBus), ['maestro.run.failed']);
        return [maestro];
      },
    });

    const [, rule] = ofType(template, 'AWS::Events::Rule').find(([, { path }]) => path === 'Maestro/Failed') ?? [];

    expect(rule?.Properties['EventPattern']).toEqual({ source: ['maestro'], 'detail-type': ['maestro.run.failed'] });
  });
});

function functionOf(template: Template, name: string) {
  const [, found] = ofType(template, 'AWS::Lambda::Function').find(([, { path }]) => path === `Maestro/${name}/Function`) ?? [];
  return object(found?.Properties);
}

function environmentOf(template: Template, name: string) {
  return object(object(functionOf(template, name)['Environment'])['Variables']);
}
