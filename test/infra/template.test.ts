import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Maestro } from '../../infra/index.ts';
import {
  circlesOf,
  list,
  object,
  ofType,
  ROOT,
  referencesIn,
  type Synthesised,
  standard,
  synthesise,
  type Template,
  WORKFLOWS,
  withoutFlags,
} from './support.ts';

const FLAGS: [string, () => Synthesised][] = [
  ['with the recommended flags', standard],
  ['without any flag', withoutFlags],
];

/** A construct may be named once, ever: a new id is a new resource, and the old one is left behind or lost. */
const STATEFUL = {
  MaestroDataTable7D82644A: 'AWS::DynamoDB::Table',
  MaestroDataValues0157E0E3: 'AWS::S3::Bucket',
  MaestroDataAuditKeyE67CBFA1: 'AWS::SecretsManager::Secret',
  MaestroQueuesStartC127632D: 'AWS::SQS::Queue',
  MaestroQueuesStartDeadLettersB2E0E55E: 'AWS::SQS::Queue',
  MaestroQueuesTriggerDeadLetters9371E216: 'AWS::SQS::Queue',
  MaestroQueuesUndoDeadLettersC3FD040A: 'AWS::SQS::Queue',
  MaestroQueuesRecorderDeadLetters079CA6E1: 'AWS::SQS::Queue',
  MaestroEventsBus9023EDC8: 'AWS::Events::EventBus',
  MaestroApiRestE9379501: 'AWS::ApiGateway::RestApi',
};

/** Types that hold something which a new resource would not have. */
const STATEFUL_TYPES = [...new Set([...Object.values(STATEFUL), 'AWS::KMS::Key', 'AWS::DynamoDB::GlobalTable'])];
const RETAINED = [
  'AWS::DynamoDB::Table',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::Lambda::Version',
  'AWS::StepFunctions::StateMachineVersion',
];

describe.each(FLAGS)('the template, %s', (_, synthesised) => {
  it('has the stateful resources that it always had, under the same ids', () => {
    const { template } = synthesised();

    const stateful = STATEFUL_TYPES.flatMap((type) => ofType(template, type).map(([id]) => [id, type]));

    expect(Object.fromEntries(stateful)).toEqual(STATEFUL);
  });

  it('keeps data, and every version of code and definitions, when they leave it', () => {
    const { template } = synthesised();

    const kept = RETAINED.flatMap((type) => ofType(template, type));

    expect(new Set(kept.map(([, { Type }]) => Type))).toEqual(new Set(RETAINED));
    expect(
      kept.filter(([, { DeletionPolicy, UpdateReplacePolicy }]) => DeletionPolicy !== 'Retain' || UpdateReplacePolicy !== 'Retain'),
    ).toEqual([]);
  });

  it('has no circle among its resources', () => {
    expect(circlesOf(synthesised().template)).toEqual([]);
  });

  it('names nothing itself but what is found by its name', () => {
    const { template } = synthesised();
    const named = Object.values(template.resources)
      .filter(({ Type }) => Type !== 'AWS::CloudWatch::Alarm')
      .flatMap(({ Type, Properties }) =>
        Object.keys(Properties)
          .filter((property) => /^(?:\w*Name)$/.test(property) && typeof Properties[property] === 'string')
          .map((property) => `${Type} ${property}`),
      );

    expect([...new Set(named)].sort()).toEqual([
      'AWS::ApiGateway::RestApi Name',
      'AWS::ApiGateway::Stage StageName',
      'AWS::Events::EventBus Name',
      'AWS::IAM::Policy PolicyName',
      'AWS::Lambda::Alias Name',
      'AWS::Logs::LogGroup LogGroupName',
      'AWS::SSM::Parameter Name',
      'AWS::StepFunctions::StateMachineAlias Name',
    ]);
  });

  it('calls functions and state machines by their aliases alone', () => {
    const { template } = synthesised();
    const callers = Object.values(template.resources).filter(({ Type }) =>
      [
        'AWS::ApiGateway::Method',
        'AWS::Events::Rule',
        'AWS::Lambda::EventSourceMapping',
        'AWS::Lambda::Permission',
        'AWS::StepFunctions::StateMachine',
      ].includes(Type),
    );

    const direct = callers.flatMap(({ path, Properties }) =>
      [...referencesIn(Properties['DefinitionSubstitutions'] ?? Properties['Targets'] ?? Properties)]
        .filter((id) => ['AWS::Lambda::Function', 'AWS::StepFunctions::StateMachine'].includes(template.resources[id]?.Type ?? ''))
        .map((id) => `${path} → ${id}`),
    );

    expect(callers.length).toBeGreaterThan(10);
    expect(direct).toEqual([]);
  });

  it('answers as it goes, and by IAM below /svc', () => {
    for (const { path, auth, integration } of methodsOf(synthesised().template)) {
      expect(integration['ResponseTransferMode'], path).toBe('STREAM');
      expect(JSON.stringify(integration['Uri']), path).toContain('response-streaming-invocations');
      expect(auth, path).toBe(path.startsWith('/svc/') ? 'AWS_IAM' : 'NONE');
    }
  });

  it('sends the events of a run to the function of streams, and everything else to ingress', () => {
    const { template } = synthesised();
    const methods = methodsOf(template).map(({ path, integration }) => {
      const [alias = ''] = [...referencesIn(integration['Uri'])].filter((id) => template.resources[id]);
      return [path, template.resources[alias]?.path.split('/')[1]];
    });
    const resources = ofType(template, 'AWS::ApiGateway::Resource').map(([, { path }]) => path.replace('Maestro/Api/Rest/Default', ''));
    const known = new Set(methods.map(([path]) => path));

    expect(methods.flatMap(([path, to]) => (to === 'Stream' ? [path] : [])).sort()).toEqual([
      '/api/v2/orchestrate/run/{id}/events/GET',
      '/svc/api/v2/orchestrate/run/{id}/events/GET',
    ]);
    // A resource without a method of its own would hide the greedy one above it.
    expect(resources.filter((path) => !known.has(`${path}/ANY`))).toEqual([]);
    expect(resources.filter((path) => !/proxy|run$|^$/.test(path) && !resources.includes(`${path}/{proxy+}`))).toEqual([]);
  });
});

describe('functions', () => {
  it('run on arm64 and Node 24, traced, with their own role and a log group that forgets', () => {
    const { template } = standard();
    const functions = ofType(template, 'AWS::Lambda::Function');

    expect(functions.map(([, { path }]) => path.split('/')[1]).sort()).toEqual([
      'Checkpoint',
      'Ingress',
      'Recorder',
      'Starter',
      'Step',
      'Stream',
    ]);
    for (const [, { Properties }] of functions) {
      const group = [...referencesIn(Properties['LoggingConfig'])][0] ?? '';
      expect(Properties).toMatchObject({ Architectures: ['arm64'], Runtime: 'nodejs24.x', TracingConfig: { Mode: 'Active' } });
      expect(template.resources[group]?.Properties['RetentionInDays']).toBe(30);
    }
    expect(new Set(functions.map(([, { Properties }]) => JSON.stringify(Properties['Role']))).size).toBe(functions.length);
  });

  it('are told nothing by name that is not granted in the same place', () => {
    const { template } = standard();
    const rights = JSON.stringify(ofType(template, 'AWS::IAM::Policy'));

    const told = ofType(template, 'AWS::Lambda::Function').flatMap(([, { Properties }]) =>
      [...referencesIn(object(Properties['Environment']))].filter((id) => template.resources[id] && id !== 'MaestroApiRestE9379501'),
    );

    expect(told.length).toBeGreaterThan(10);
    expect(told.filter((id) => !rights.includes(id))).toEqual([]);
  });
});

describe('queues', () => {
  it('encrypt, refuse what is not TLS, and keep messages for two weeks', () => {
    const { template } = standard();
    const policies = JSON.stringify(ofType(template, 'AWS::SQS::QueuePolicy'));
    for (const [id, { Properties }] of ofType(template, 'AWS::SQS::Queue')) {
      expect(Properties).toMatchObject({ SqsManagedSseEnabled: true, MessageRetentionPeriod: 1_209_600 });
      expect(policies).toContain(id);
    }
    expect(policies.match(/"aws:SecureTransport":"false"/g)).toHaveLength(ofType(template, 'AWS::SQS::Queue').length);
  });

  it('hide a message for six times as long as its function may take', () => {
    const { template } = standard();
    const [[, source]] = ofType(template, 'AWS::Lambda::EventSourceMapping') as [[string, (typeof template.resources)[string]]];
    const [queue] = [...referencesIn(source.Properties['EventSourceArn'])];
    const starter = ofType(template, 'AWS::Lambda::Function').find(([, { path }]) => path.includes('/Starter/'));

    const visibility = Number(template.resources[queue ?? '']?.Properties['VisibilityTimeout']);

    expect(visibility).toBeGreaterThanOrEqual(6 * Number(starter?.[1].Properties['Timeout']));
    expect(source.Properties['FunctionResponseTypes']).toEqual(['ReportBatchItemFailures']);
  });

  it('each have a dead-letter queue or are one, with an alarm and a way back out of it', () => {
    const { template } = standard();
    const text = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
    const redriven = ofType(template, 'AWS::SQS::Queue').filter(([, { Properties }]) => Properties['RedrivePolicy']);
    const dead = ofType(template, 'AWS::SQS::Queue').filter(([, { Properties }]) => !Properties['RedrivePolicy']);
    const watched = new Set(ofType(template, 'AWS::CloudWatch::Alarm').flatMap(([, { Properties }]) => [...referencesIn(Properties)]));

    expect(redriven.map(([, { path }]) => path)).toEqual(['Maestro/Queues/Start']);
    expect(dead.filter(([id]) => !watched.has(id))).toEqual([]);
    for (const [, { path }] of dead) expect(text).toContain(path.split('/').at(-1));
  });

  it('take what rules and schedules could not deliver', () => {
    const { template } = standard();
    const targets = ofType(template, 'AWS::Events::Rule').flatMap(([, { Properties }]) => list(Properties['Targets']).map(object));
    const schedules = ofType(template, 'AWS::Scheduler::Schedule').map(([, { Properties }]) => object(Properties['Target']));

    expect(targets.length).toBeGreaterThan(3);
    expect(schedules.length).toBe(1);
    for (const target of [...targets, ...schedules]) {
      const [queue = ''] = [...referencesIn(target['DeadLetterConfig'])];
      expect(template.resources[queue]?.path).toMatch(/DeadLetters$/);
    }
  });
});

describe('alarms', () => {
  it('look at something that is there', () => {
    const { template } = standard();
    for (const [, { Properties, path }] of ofType(template, 'AWS::CloudWatch::Alarm')) {
      for (const dimension of dimensionsOf(Properties)) {
        const [id] = [...referencesIn(dimension['Value'])];
        if (id !== undefined) expect(template.resources[id], path).toBeDefined();
        else expect([dimension['Name'], dimension['Value']], path).toSatisfy(isKnownText);
      }
    }
  });

  it('say in their text where it is written what to do', () => {
    const anchors = anchorsOf(readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8'));
    const alarms = ofType(standard().template, 'AWS::CloudWatch::Alarm');

    const told = alarms.map(([, { Properties }]) => /docs\/operations\.md#([\w-]+)$/.exec(String(Properties['AlarmDescription']))?.[1]);

    expect(alarms.length).toBeGreaterThan(8);
    expect(told.filter((anchor) => anchor === undefined || !anchors.has(anchor))).toEqual([]);
  });
});

describe('two in one stack', () => {
  it('share nothing, not even a name', () => {
    const { template } = synthesise({
      build: (stack) => ['One', 'Two'].map((id) => new Maestro(stack, id, { workflows: WORKFLOWS })),
    });
    const sides = Object.entries(template.resources).map(([id, { path }]) => [id, path.split('/')[0]] as const);
    const sideOf = new Map(sides);

    const across = Object.entries(template.resources).flatMap(([id, { Properties }]) =>
      [...referencesIn(Properties)].filter((other) => sideOf.has(other) && sideOf.get(other) !== sideOf.get(id)),
    );
    const names = Object.values(template.resources).flatMap(({ Type, Properties }) =>
      ['LogGroupName', 'Name'].flatMap((key) =>
        typeof Properties[key] === 'string' && !/Alias|RestApi/.test(Type) ? `${Type} ${Properties[key]}` : [],
      ),
    );

    expect(across).toEqual([]);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe('the same files', () => {
  it('give the same bytes, wherever they are written', () => {
    expect(synthesise().template.text).toBe(synthesise().template.text);
  });
});

function methodsOf(template: Template) {
  return ofType(template, 'AWS::ApiGateway::Method').map(([, { path, Properties }]) => ({
    path: path.replace('Maestro/Api/Rest/Default', ''),
    auth: Properties['AuthorizationType'],
    integration: object(Properties['Integration']),
  }));
}

/** Of the metric, or of all metrics of an expression. */
function dimensionsOf(alarm: Template['resources'][string]['Properties']) {
  const metrics = list(alarm['Metrics']).flatMap((metric) => list(object(object(metric)['MetricStat'] ?? {})['Metric']));
  return [alarm, ...metrics].flatMap((metric) => list(object(metric)['Dimensions']).map(object));
}

/** Which Maestro, and the stage: neither is a resource. */
function isKnownText(dimension: unknown): boolean {
  return ['["service","Shop-Maestro"]', '["ApiName","Shop-Maestro"]'].includes(JSON.stringify(dimension));
}

function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .trim()
        .replace(/\s+/g, '-'),
    ),
  );
}
