// Maestro's own functions: their sizes, and which of them may do what. The table of all grants is in one place, so that it can be read.

import { Duration, Stack } from 'aws-cdk-lib';
import { CfnEventInvokeConfig, EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { ENV, LIVE_ALIAS, USER_ENV_PREFIX } from '../shared/protocol/environment.ts';
import type { Api } from './constructs/api.ts';
import type { Data } from './constructs/data.ts';
import type { Deployments } from './constructs/deployments.ts';
import type { Events } from './constructs/events.ts';
import { HandlerFunction, type HandlerFunctionProps } from './constructs/handler-function.ts';
import { allow } from './constructs/policies.ts';
import type { Queues } from './constructs/queues.ts';
import type { Workflows } from './constructs/workflows.ts';
import type { Network } from './public-types.ts';

/** One for each folder of `functions/` that has a handler. */
export type FunctionName = 'ingress' | 'stream' | 'step' | 'checkpoint' | 'recorder' | 'starter';

export type Functions = { readonly [name in FunctionName]: HandlerFunction };

export interface FunctionsProps {
  readonly logRetention: RetentionDays;
  /** Streams that are kept free; 0: none. */
  readonly maxStreams: number;
  /** Of the step function. */
  readonly network: Network | undefined;
}

/** What the functions work with. */
export interface Parts {
  readonly data: Data;
  readonly queues: Queues;
  readonly events: Events;
  readonly api: Api;
  readonly workflows: Workflows;
  /** Where the API may deploy workflows. */
  readonly deployments: Deployments | undefined;
}

export interface Settings {
  /** Which Maestro this is. */
  readonly name: string;
  /** Path of `secret.NAME`, with a slash at both ends. */
  readonly secretsPath: string;
  /** `env.NAME`. */
  readonly env: { readonly [name: string]: string };
  readonly allowPrivateAddresses: boolean;
  /** ARNs of Lambda functions that workflows call. */
  readonly lambdas: readonly string[];
}

/** Invocations of the starter at a time, of ten messages each: some hundred starts a second, which is less than StartExecution admits. */
const STARTERS = 10;
const BATCH = 10;
/** Lambda's own most for events it could not hand over. */
const ASYNC_EVENT_AGE_SECONDS = 21_600;

/** The functions, without any right but to log. */
export function makeFunctions(scope: Construct, { logRetention, maxStreams, network }: FunctionsProps): Functions {
  const make = (handler: FunctionName, props: Omit<HandlerFunctionProps, 'handler' | 'logRetention'>): HandlerFunction =>
    new HandlerFunction(scope, `${handler[0]?.toUpperCase()}${handler.slice(1)}`, { handler, logRetention, ...props });
  return {
    // A sync request waits 25 s for its run.
    ingress: make('ingress', { description: 'Maestro: the API', timeout: Duration.seconds(40), memorySize: 512 }),
    // It ends itself after ten minutes.
    stream: make('stream', {
      description: 'Maestro: events of a run as they come',
      timeout: Duration.minutes(11),
      memorySize: 256,
      ...(maxStreams > 0 ? { reservedConcurrency: maxStreams } : {}),
    }),
    // A service's own time limit is shorter; this is Lambda's longest.
    step: make('step', {
      description: 'Maestro: calls services, and undoes calls',
      timeout: Duration.minutes(15),
      memorySize: 512,
      ...(network ? { network } : {}),
    }),
    checkpoint: make('checkpoint', { description: 'Maestro: opens checkpoints', timeout: Duration.seconds(30), memorySize: 256 }),
    recorder: make('recorder', { description: 'Maestro: records how runs end, and sweeps', timeout: Duration.minutes(5), memorySize: 512 }),
    starter: make('starter', { description: 'Maestro: starts queued runs and triggers', timeout: Duration.seconds(60), memorySize: 256 }),
  };
}

/** Every right and every variable of every function. */
export function grantAll(functions: Functions, parts: Parts, settings: Settings): void {
  const { data, queues, events, api, workflows } = parts;
  const { ingress, stream, step, checkpoint, recorder, starter } = functions;
  for (const each of Object.values(functions)) each.setEnvironment(ENV.stack, settings.name);
  data.grantReads(stream);
  for (const each of [ingress, step, checkpoint, recorder, starter]) {
    data.grantRecords(each);
    // Machines have names that CloudFormation made: records say whose they are.
    workflows.grantCatalog(each);
  }
  grantStep(step, parts, settings);
  // A checkpoint that was answered before its task asked again.
  workflows.grantAnswer(checkpoint);
  // Those that hold the service: they start, undo and end runs, and leave receipts.
  for (const each of [ingress, recorder, starter]) {
    data.grantAudit(each);
    workflows.grantStart(each);
  }
  for (const each of [ingress, recorder]) {
    events.grantPut(each);
    workflows.grantUndo(each);
    workflows.grantControl(each);
    workflows.grantAnswer(each);
    queues.grantSendStart(each);
    queues.grantUndoDeadLetters(each);
  }
  api.route(ingress, stream);
  events.recordStatus(workflows.machines, recorder);
  events.every('Sweep', 'rate(1 minute)', recorder);
  keepWhatFails(recorder, queues);
  queues.grantReceiveStart(starter);
  new EventSourceMapping(starter, 'Source', {
    target: starter.target,
    eventSourceArn: queues.start.queueArn,
    batchSize: BATCH,
    maxConcurrency: STARTERS,
    reportBatchItemFailures: true,
  });
  for (const workflow of workflows.all) events.addTriggers(workflow);
  if (parts.deployments) grantDeployed(functions, parts.deployments, events);
}

/** Deployed workflows are run, recorded and undone like those of the files; only ingress deploys them. */
function grantDeployed({ ingress, step, recorder, starter }: Functions, deployments: Deployments, events: Events): void {
  deployments.grantDeploy(ingress);
  for (const each of [ingress, recorder, starter]) deployments.grantStart(each);
  for (const each of [ingress, recorder]) deployments.grantControl(each);
  deployments.grantChildrenLater(step);
  deployments.record(events, recorder);
}

function grantStep(step: HandlerFunction, { queues, events, api, workflows }: Parts, settings: Settings): void {
  for (const [key, value] of Object.entries(settings.env)) step.setEnvironment(USER_ENV_PREFIX + key, value);
  if (settings.allowPrivateAddresses) step.setEnvironment(ENV.allowPrivate, 'true');
  api.grantUrl(step);
  events.grantPut(step);
  queues.grantUndoDeadLetters(step);
  workflows.grantChildrenLater(step);
  // The answer to a callback that a retried run takes over from the run before it.
  workflows.grantAnswer(step, ['Success']);
  const below = `${settings.secretsPath.slice(1)}*`;
  const arn = (service: string, resource: string, separator: string): string => {
    const { partition, region, account } = Stack.of(step);
    return `arn:${partition}:${service}:${region}:${account}:${resource}${separator}${below}`;
  };
  step.allow(
    allow(['secretsmanager:GetSecretValue'], [arn('secretsmanager', 'secret', ':/')]),
    allow(['ssm:GetParameter'], [arn('ssm', 'parameter', '/')]),
  );
  if (settings.lambdas.length > 0) step.allow(allow(['lambda:InvokeFunction'], settings.lambdas));
}

/** EventBridge hands over and forgets: what the recorder fails at three times is kept. */
function keepWhatFails(recorder: HandlerFunction, { recorderDeadLetters }: Queues): void {
  recorder.allow(allow(['sqs:SendMessage'], [recorderDeadLetters.queueArn]));
  const config = new CfnEventInvokeConfig(recorder, 'Async', {
    functionName: recorder.functionName,
    qualifier: LIVE_ALIAS,
    maximumRetryAttempts: 2,
    maximumEventAgeInSeconds: ASYNC_EVENT_AGE_SECONDS,
    destinationConfig: { onFailure: { destination: recorderDeadLetters.queueArn } },
  });
  // It names the alias without referring to it.
  config.node.addDependency(recorder.alias);
}
