// Maestro as a construct: what it needs of a CDK app, and how its parts are wired.

import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Alarm, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { type EventBus, type IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import { Grant, type IGrantable, type IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { LIVE_ALIAS } from '../shared/protocol/environment.ts';
import { METRIC } from '../shared/protocol/metrics.ts';
import { acknowledgeFindings } from './acknowledgements.ts';
import { compileWorkflows } from './compile-workflows.ts';
import { Api } from './constructs/api.ts';
import { Data } from './constructs/data.ts';
import { Deployments } from './constructs/deployments.ts';
import { Events } from './constructs/events.ts';
import { Observability } from './constructs/observability.ts';
import { Queues } from './constructs/queues.ts';
import { Workflows } from './constructs/workflows.ts';
import { grantAll, makeFunctions } from './functions.ts';
import { lambdaEndpoints } from './lambda-endpoints.ts';
import type { AlarmActions, DeadLetterQueues, Network } from './public-types.ts';

/** What Maestro may be told. Everything but the folder of workflows has a default. */
export interface MaestroProps {
  /** Folder of workflow files, relative to the current folder. They are compiled at synth; an invalid one fails it. */
  readonly workflows: string;
  /**
   * Which Maestro this is, among all of the account and region: the name of its API and its bus, in its metrics, and `secret.NAME` of a workflow is
   * looked up as `/maestro/<name>/NAME`. Letters, digits and "-", at most 100.
   * @default - the stack's name, and the construct's path in the stack
   */
  readonly name?: string;
  /**
   * `env.NAME` of the workflows. Not for secrets: these stand in the template.
   * @default - none
   */
  readonly env?: { readonly [name: string]: string };
  /**
   * How long logs are kept.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * Days that records of a run are kept after its end.
   * @default 90
   */
  readonly retentionDays?: number;
  /**
   * What becomes of table, bucket and audit key when they leave the stack. `DESTROY` also turns off the table's deletion protection.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * Encrypts table, bucket and audit key. Queues hold ids and dead letters, and are encrypted by SQS.
   * @default - keys that AWS manages
   */
  readonly encryptionKey?: IKey;
  /**
   * Where the step function runs, for services inside a VPC. Without a way out of it (NAT, or endpoints for DynamoDB, S3, Step Functions, SQS,
   * EventBridge, Secrets Manager and SSM) no step can be recorded.
   * @default - in no VPC
   */
  readonly network?: Network;
  /**
   * Lets steps call private and loopback addresses.
   * @default - true with a `network`, else false
   */
  readonly allowPrivateAddresses?: boolean;
  /**
   * Event streams (SSE) at a time. They are kept free for streams and taken from what the account allows to run at once; 0 keeps none free, for
   * accounts that allow too few (new ones allow 10).
   * @default 100
   */
  readonly maxStreams?: number;
  /**
   * What happens when an alarm goes off.
   * @default - nothing but the alarm's own state
   */
  readonly alarmActions?: AlarmActions;
  /**
   * Also sets the role with which API Gateway writes logs: one per account and region, shared with every other API. A stage with an access log is
   * refused where there is none.
   * @default false
   */
  readonly accountLogRole?: boolean;
  /**
   * Lets keys with the scope `admin` deploy workflows by the API (`PUT /workflows/NAME`), without triggers, on one role under a permission boundary.
   * @default false
   */
  readonly allowDeploy?: boolean;
}

const DEFAULT_RETENTION_DAYS = 90;
const DEFAULT_STREAMS = 100;
/** Source of Maestro's own events. */
const EVENT_SOURCE = 'maestro';

/**
 * Maestro as a service: workflows as state machines, the API in front of them, and all that records, undoes and watches.
 *
 * @example
 * new Maestro(this, 'Maestro', { workflows: './workflows' });
 */
export class Maestro extends Construct {
  /** Of the API, without a slash at its end. */
  readonly url: string;
  /** The bus of Maestro's own events, and of those that start workflows. */
  readonly eventBus: EventBus;
  readonly deadLetterQueues: DeadLetterQueues;
  readonly alarms: readonly Alarm[];
  /** Of the step function: whoever lets a workflow call something of AWS grants it to this role. */
  readonly stepRole: IRole;
  /** `secret.NAME` is looked up below this path, in Secrets Manager and in Parameter Store. A slash at both ends. */
  readonly secretsPath: string;
  readonly #workflows: Workflows;
  readonly #api: Api;
  readonly #observability: Observability;

  constructor(scope: Construct, id: string, props: MaestroProps) {
    super(scope, id);
    const compiled = compileWorkflows(props.workflows);
    const name = checkedName(props.name ?? defaultName(this));
    const { logRetention = RetentionDays.ONE_MONTH, removalPolicy = RemovalPolicy.RETAIN, env = {}, alarmActions = {} } = props;
    const functions = makeFunctions(this, { logRetention, maxStreams: props.maxStreams ?? DEFAULT_STREAMS, network: props.network });
    const { step, checkpoint, starter } = functions;
    const data = new Data(this, 'Data', {
      retentionDays: props.retentionDays ?? DEFAULT_RETENTION_DAYS,
      removalPolicy,
      encryptionKey: props.encryptionKey,
    });
    const queues = new Queues(this, 'Queues', { starterTimeout: starter.timeout });
    const events = new Events(this, 'Events', { name, queues });
    const api = new Api(this, 'Api', { name, logRetention, accountLogRole: props.accountLogRole ?? false });
    const path = `/maestro-workflows/${name}`;
    const workflows = new Workflows(this, 'Workflows', { compiled, step, checkpoint, bus: events.bus, logRetention, path });

    this.url = api.url;
    this.eventBus = events.bus;
    this.stepRole = step.role;
    this.secretsPath = `/maestro/${name}/`;
    this.deadLetterQueues = queues.dead;
    const targets = { step, checkpoint, bus: events.bus, workflows };
    const deployments = props.allowDeploy ? new Deployments(this, 'Deployments', targets) : undefined;
    const parts = { data, queues, events, api, workflows, deployments };
    grantAll(functions, parts, {
      name,
      secretsPath: this.secretsPath,
      env,
      allowPrivateAddresses: props.allowPrivateAddresses ?? props.network !== undefined,
      lambdas: lambdaEndpoints(this, compiled, env),
    });
    acknowledgeFindings(functions, parts, this.secretsPath);
    this.#observability = new Observability(this, 'Observability', {
      name,
      api,
      queues,
      functions,
      workflows: workflows.all,
      alarmActions,
    });
    this.alarms = this.#observability.alarms;
    this.#workflows = workflows;
    this.#api = api;
  }

  /**
   * Lets somebody start a workflow past the API: its run is recorded like any other. Start the alias `live`.
   * @param workflow by name; all of them where it is left out
   * @throws Error when there is no such workflow
   */
  grantStart(grantee: IGrantable, workflow?: string): Grant {
    const some = workflow === undefined ? this.#workflows.all : [this.#workflows.workflow(workflow)];
    return Grant.addToPrincipal({
      grantee,
      actions: ['states:StartExecution'],
      resourceArns: some.map(({ machine }) => machine.stateMachineArn),
      conditions: { StringEquals: { 'states:StateMachineQualifier': LIVE_ALIAS } },
    });
  }

  /** Lets a role call the API below `/svc`, with its IAM identity in the place of a key. */
  grantApiInvoke(grantee: IGrantable): Grant {
    return this.#api.grantInvoke(grantee);
  }

  /**
   * Sends Maestro's own events somewhere.
   * @param detailTypes such as `maestro.run.completed`; every event where they are left out
   */
  onRunEvent(id: string, target: IRuleTarget, detailTypes?: readonly string[]): Rule {
    const pattern = { source: [EVENT_SOURCE], ...(detailTypes ? { detailType: [...detailTypes] } : {}) };
    return new Rule(this, id, { eventBus: this.eventBus, eventPattern: pattern, targets: [target] });
  }

  /** Undos that ended with something left. */
  metricFailedUndos(period?: Duration): Metric {
    return this.#observability.metric(METRIC.undoFailed, period);
  }
}

function checkedName(name: string): string {
  if (/^[A-Za-z0-9-]{1,100}$/.test(name)) return name;
  throw new Error(`name: found "${name}", expected letters, digits and "-", at most 100. Give another \`name\`.`);
}

/** `<stack>-<path in the stack>`: two Maestros in one stack, or one in each of two, have names of their own. */
function defaultName(maestro: Maestro): string {
  const stack = Stack.of(maestro);
  const path = maestro.node.scopes.slice(maestro.node.scopes.indexOf(stack) + 1).map(({ node }) => node.id);
  return [stack.stackName, ...path].join('-');
}
