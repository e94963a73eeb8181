// All of AWS that Maestro uses, on this machine and over wire protocols: DynamoDB (dynalite), SQS and S3 (fauxqs), Parameter Store, Secrets Manager and
// EventBridge (json-services), Step Functions (the engine behind its endpoint). State machines call the functions' real `handler`s as Lambda
// does, and tell the recorder's of their ends as EventBridge does.

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { EventBridgeEvent, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { startFauxqs } from 'fauxqs';
import { createEndpoint } from '../../local/endpoint/index.ts';
import { createEngine, type Engine, type ExecutionStatusChange, type LambdaCall, type LambdaResult } from '../../local/engine/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { compile, type Substitution, substitute } from '../../shared/compiler/index.ts';
import type { Json, JsonObject } from '../../shared/json.ts';
import { ENV, LIVE_ALIAS, type WorkflowParameter } from '../../shared/protocol/environment.ts';
import { openDatabase } from '../../shared/store/database.ts';
import { parseWorkflow } from '../../shared/workflow/index.ts';
import { startDynalite } from '../store/dynalite-server.ts';
import { type GatewayRequest, type GatewayResponse, provideAwsLambda, request } from './gateway.ts';
import { type JsonServices, startJsonServices } from './json-services.ts';
import { type SfnFront, startSfnFront } from './sfn-front.ts';

export const REGION = 'us-east-1';
export const ACCOUNT = '123456789012';
const STEP_ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:Maestro-Step:${LIVE_ALIAS}`;
const CHECKPOINT_ARN = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:Maestro-Checkpoint:${LIVE_ALIAS}`;
const AUDIT_SECRET = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:audit`;
const WORKFLOWS_PATH = '/maestro-workflows/Test';

/** What `allowDeploy` tells ingress. */
const DEPLOYMENT = {
  [ENV.allowDeploy]: 'true',
  [ENV.deployPrefix]: 'Test-Deployed-',
  [ENV.deployRole]: `arn:aws:iam::${ACCOUNT}:role/deployed`,
  [ENV.stepArn]: STEP_ARN,
  [ENV.checkpointArn]: CHECKPOINT_ARN,
};

/** What a call of a service is answered with. */
export type Answer = { status?: number; body?: Json };

export interface AwsWorld {
  engine: Engine;
  front: SfnFront;
  services: JsonServices;
  sqs: SQSClient;
  queues: { start: string; starts: string; undo: string };
  /** Requests that services got: `POST /charge`. */
  calls: string[];
  /** Decides what a service answers; default 200 `{"ok":true}`. */
  answer: (path: string, body: Json) => Answer | Promise<Answer>;
  /** Status events as EventBridge delivered (or would have delivered) them. */
  statusEvents: EventBridgeEvent<string, JsonObject>[];
  /** Status events are lost. */
  loseEvents: boolean;
  /** Resolves when every status event that was told so far is recorded. */
  delivered(): Promise<void>;
  invoke: {
    step: (message: Json) => Promise<Json>;
    checkpoint: (message: Json) => Promise<Json>;
    recorder: RecorderHandler;
    starter: (event: SQSEvent) => Promise<SQSBatchResponse>;
  };
  /** A request through API Gateway to ingress, or to stream where that answers. */
  request(request: GatewayRequest): Promise<GatewayResponse>;
  /** ARN of a workflow's machine. */
  machine(workflow: string): string;
  close(): Promise<void>;
}

export type RecorderHandler = (event: unknown, context: { getRemainingTimeInMillis(): number }) => Promise<void>;

/**
 * @param texts of the workflow files, children first
 * @param options.allowDeploy the API may deploy too
 */
export async function startAws(texts: string[], { allowDeploy = false } = {}): Promise<AwsWorld> {
  const dynalite = await startDynalite();
  const fauxqs = await startFauxqs({ port: 0, logger: false });
  const services = await startJsonServices();
  const database = openDatabase({ path: ':memory:' });
  const shop = await startShop(() => world);
  let count = 0;
  const engine = createEngine({
    database,
    clock: systemClock,
    ids: { uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`, random: () => 0.5 },
    accountId: ACCOUNT,
    region: REGION,
    lambda: (call) => invokeLambda(world, call),
    onStatus: (change) => tell(change),
    async putEvents(entries) {
      services.events.push(...entries.map((entry) => ({ ...entry }) as JsonObject));
      return { FailedEntryCount: 0, Entries: entries.map((_, index) => ({ EventId: `e-${index}` })) };
    },
  });
  const endpoint = await createEndpoint({ engine, port: 0 });
  const front = await startSfnFront(endpoint.url);
  const emulator = `http://127.0.0.1:${fauxqs.port}`;
  const queue = (name: string, attributes = {}) => {
    const { queueArn, queueUrl } = fauxqs.createQueue(name, { attributes });
    return { queueArn, queueUrl: `${emulator}${new URL(queueUrl).pathname}` };
  };
  const starts = queue('start-dead-letters');
  const undo = queue('undo-dead-letters');
  const start = queue('start', {
    VisibilityTimeout: '360',
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: starts.queueArn, maxReceiveCount: 200 }),
  });
  setEnvironment({
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL_DYNAMODB: dynalite.endpoint,
    AWS_ENDPOINT_URL_SFN: front.url,
    AWS_ENDPOINT_URL_SQS: emulator,
    AWS_ENDPOINT_URL_S3: emulator,
    AWS_ENDPOINT_URL_SSM: services.url,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: services.url,
    AWS_ENDPOINT_URL_EVENTBRIDGE: services.url,
    [ENV.table]: dynalite.table,
    [ENV.bucket]: 'values',
    [ENV.stack]: 'Test',
    [ENV.workflowsPath]: WORKFLOWS_PATH,
    [ENV.manifestBucket]: 'assets',
    [ENV.manifestKey]: 'manifest.json',
    [ENV.startQueueUrl]: start.queueUrl,
    [ENV.undoDeadLetterUrl]: undo.queueUrl,
    [ENV.bus]: 'maestro',
    [ENV.auditSecret]: AUDIT_SECRET,
    [ENV.apiUrl]: 'https://api.example.com/live',
    [ENV.allowPrivate]: 'true',
    [ENV.retentionDays]: '30',
    MAESTRO_ENV_SHOP: shop.url,
    ...(allowDeploy ? DEPLOYMENT : {}),
  });
  services.secrets.set(AUDIT_SECRET, 'audit-key-of-the-tests');
  const machines = await deploy(texts, { engine, front, services, emulator });
  // The handlers read their environment when they are loaded, as on AWS.
  const step = await import('../../functions/step/handler.ts');
  const checkpoint = await import('../../functions/checkpoint/handler.ts');
  const recorder = await import('../../functions/recorder/handler.ts');
  provideAwsLambda();
  const ingress = await import('../../functions/ingress/handler.ts');
  const stream = await import('../../functions/stream/handler.ts');
  const starter = await import('../../functions/starter/handler.ts');
  const client = { region: REGION, endpoint: emulator, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  const pending = new Set<Promise<void>>();

  function tell(change: ExecutionStatusChange): void {
    const event = statusEvent(change, ++count);
    world.statusEvents.push(event);
    if (world.loseEvents) return;
    const told = world.invoke.recorder(event, { getRemainingTimeInMillis: () => 60_000 });
    pending.add(told);
    told.finally(() => pending.delete(told)).catch(() => {});
  }

  const world: AwsWorld = {
    engine,
    front,
    services,
    sqs: new SQSClient(client),
    queues: { start: start.queueUrl, starts: starts.queueUrl, undo: undo.queueUrl },
    calls: [],
    answer: () => ({}),
    statusEvents: [],
    loseEvents: false,
    async delivered() {
      while (pending.size > 0) await Promise.all(pending);
    },
    invoke: {
      // What a compiled definition sends and gets is JSON; a handler's types say more.
      step: step.handler as unknown as (message: Json) => Promise<Json>,
      checkpoint: checkpoint.handler as unknown as (message: Json) => Promise<Json>,
      recorder: recorder.handler as RecorderHandler,
      starter: starter.handler,
    },
    request: (sent) => request(/\/run\/[^/]+\/events$/.test(sent.path) ? stream.handler : ingress.handler, sent),
    machine: (workflow) => machines.get(workflow) ?? '',
    async close() {
      await world.delivered();
      engine.close();
      database.close();
      world.sqs.destroy();
      await Promise.all([front.close(), endpoint.close(), services.close(), fauxqs.stop(), shop.close(), dynalite.close()]);
    },
  };
  return world;
}

/** As Lambda answers `lambda:invoke`: JSON in, JSON out, and an error by name and message. */
async function invokeLambda(world: AwsWorld, { functionArn, payload }: LambdaCall): Promise<LambdaResult> {
  const handler = functionArn === STEP_ARN ? world.invoke.step : functionArn === CHECKPOINT_ARN ? world.invoke.checkpoint : undefined;
  if (!handler) return { error: 'Lambda.ResourceNotFoundException', cause: `Function not found: ${functionArn}` };
  try {
    return { payload: JSON.parse(JSON.stringify((await handler(structuredClone(payload))) ?? null)) as Json };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
    return { error: name, cause: JSON.stringify({ errorType: name, errorMessage: message, trace: [] }) };
  }
}

/** As AWS documents it (Step Functions Developer Guide, "Automating event delivery with EventBridge"). */
export function statusEvent(change: ExecutionStatusChange, number: number): EventBridgeEvent<string, JsonObject> {
  const { executionArn, stateMachineArn, name, status, startDate, stopDate, input, output, error, cause } = change;
  return {
    version: '0',
    id: `315c1398-40ff-a850-213b-${String(number).padStart(12, '0')}`,
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account: ACCOUNT,
    time: new Date(stopDate ?? startDate).toISOString().replace(/\.\d+Z/, 'Z'),
    region: REGION,
    resources: [executionArn],
    detail: {
      ...{ executionArn, stateMachineArn, name, status, startDate, stopDate, input, output },
      stateMachineVersionArn: `${stateMachineArn}:1`,
      stateMachineAliasArn: `${stateMachineArn}:${LIVE_ALIAS}`,
      redriveCount: 0,
      redriveDate: null,
      redriveStatus: status === 'RUNNING' || status === 'SUCCEEDED' ? 'NOT_REDRIVABLE' : 'REDRIVABLE',
      redriveStatusReason: null,
      inputDetails: { included: true },
      outputDetails: output === null ? null : { included: true },
      error,
      cause,
    },
  };
}

/** The rule's scheduled event. */
export function minuteEvent(): EventBridgeEvent<string, JsonObject> {
  return {
    version: '0',
    id: '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa',
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: ACCOUNT,
    time: '2026-10-08T16:53:06Z',
    region: REGION,
    resources: [`arn:aws:events:${REGION}:${ACCOUNT}:rule/sweep`],
    detail: {},
  };
}

interface Deployment {
  engine: Engine;
  front: SfnFront;
  services: JsonServices;
  emulator: string;
}

/** As `cdk deploy` does it: machines under made-up names, aliases, parameters, the manifest. Answers ARNs of machines by workflow. */
async function deploy(texts: string[], { engine, front, services, emulator }: Deployment): Promise<Map<string, string>> {
  const machines = new Map<string, string>();
  const manifest: JsonObject = {};
  const workflows = texts.map((text) => {
    const { workflow, diagnostics } = parseWorkflow(text, { file: 'test.yaml' });
    if (!workflow) throw new Error(JSON.stringify(diagnostics));
    return { workflow, text };
  });
  const children = workflows.map(({ workflow }) => workflow);
  for (const { workflow, text } of workflows) {
    const { definition, undoDefinition, needs } = compile(workflow, { children: children.filter((other) => other !== workflow) });
    const values = Object.fromEntries(Object.entries(needs.substitutions).map(([name, need]) => [name, placeholderValue(need, machines)]));
    const make = async (kind: string, found: JsonObject): Promise<string> => {
      const name = `${kind}${createHash('sha256').update(`${kind}/${workflow.name}`).digest('hex').slice(0, 10)}`;
      const type = workflow.execution === 'express' && kind === 'Machine' ? 'EXPRESS' : 'STANDARD';
      const { stateMachineArn } = await engine.createStateMachine({ name, type, definition: JSON.stringify(substitute(found, values)) });
      front.aliases.set(`${stateMachineArn}:${LIVE_ALIAS}`, `${stateMachineArn}:1`);
      return stateMachineArn;
    };
    const undo = undoDefinition ? await make('Undo', undoDefinition) : undefined;
    if (undo !== undefined) machines.set(`${workflow.name}-undo`, undo);
    const machine = await make('Machine', definition);
    machines.set(workflow.name, machine);
    const parameter: WorkflowParameter = {
      machine,
      live: `${machine}:${LIVE_ALIAS}`,
      undo: undo === undefined ? null : `${undo}:${LIVE_ALIAS}`,
    };
    services.parameters.set(`${WORKFLOWS_PATH}/${workflow.name}`, JSON.stringify(parameter));
    manifest[workflow.name] = {
      version: workflow.version,
      description: workflow.description,
      execution: workflow.execution,
      timeoutMs: workflow.timeoutMs,
      input: workflow.input as Json,
      inputPaths: needs.inputPaths,
      triggers: workflow.triggers.map(({ written }) => written),
      source: text,
    };
  }
  const s3 = new S3Client({ region: REGION, endpoint: emulator, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  for (const Bucket of ['assets', 'values']) await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket: 'assets', Key: 'manifest.json', Body: JSON.stringify(manifest) }));
  s3.destroy();
  return machines;
}

function placeholderValue({ kind, workflow = '' }: Substitution, machines: Map<string, string>): string {
  if (kind === 'step') return STEP_ARN;
  if (kind === 'checkpoint') return CHECKPOINT_ARN;
  if (kind === 'bus') return 'maestro';
  // On AWS the alias; the engine has none.
  return machines.get(kind === 'undo' ? `${workflow}-undo` : workflow) ?? '';
}

function setEnvironment(variables: { [name: string]: string }): void {
  for (const [name, value] of Object.entries(variables)) process.env[name] = value;
}

/** The services that workflows call. */
async function startShop(worldOf: () => AwsWorld): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer(async (request, response) => {
    const world = worldOf();
    const text = Buffer.concat(await request.toArray()).toString();
    world.calls.push(`${request.method} ${request.url}`);
    const { status = 200, body = { ok: true } } = await world.answer(request.url ?? '', text === '' ? null : (JSON.parse(text) as Json));
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
