// The API: a REST API in front of ingress and stream. Both answer as they go (`responseTransferMode: STREAM`), so that neither the 29 s nor the
// 10 MB of a buffered answer are limits. https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
//
//   A1. Keys are checked by ingress, IAM callers (below `/svc`) by API Gateway.
//   A2. The URL is made of the API's id and region alone: what it takes does not wait for the methods.

import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  AuthorizationType,
  CfnAccount,
  EndpointType,
  type IResource,
  LambdaIntegration,
  LogGroupLogDestination,
  type Method,
  type MethodOptions,
  ResponseTransferMode,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ENV } from '../../shared/protocol/environment.ts';
import type { HandlerFunction } from './handler-function.ts';
import { allow, serviceRole } from './policies.ts';

const STAGE = 'live';
/** IAM callers have the same routes below this. */
const SERVICE_PREFIX = 'svc';
/** Where a run's events are told: the only route that another function answers. */
const EVENTS_PATH = ['api', 'v2', 'orchestrate', 'run', '{id}', 'events'];
/** Over all callers; each key has a limit of its own. A tenth of what an account and region has. */
const REQUESTS_PER_SECOND = 1_000;
const BURST = 2_000;
/** An answer may begin this much later than the function's own time limit. */
const GRACE_SECONDS = 2;

export interface ApiProps {
  /** Metrics of an API are found by its name. */
  readonly name: string;
  readonly logRetention: RetentionDays;
  /** Also let API Gateway write logs at all: a setting of the account and region. */
  readonly accountLogRole: boolean;
}

export class Api extends Construct {
  readonly api: RestApi;
  /** Without a slash at its end. */
  readonly url: string;
  /** Of the access log. */
  readonly accessLogs: LogGroup;

  constructor(scope: Construct, id: string, { name, logRetention, accountLogRole }: ApiProps) {
    super(scope, id);
    this.accessLogs = new LogGroup(this, 'AccessLogs', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY });
    this.api = new RestApi(this, 'Rest', {
      restApiName: name,
      description: 'Maestro',
      endpointTypes: [EndpointType.REGIONAL],
      cloudWatchRole: false,
      deployOptions: {
        stageName: STAGE,
        tracingEnabled: true,
        throttlingRateLimit: REQUESTS_PER_SECOND,
        throttlingBurstLimit: BURST,
        accessLogDestination: new LogGroupLogDestination(this.accessLogs),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
    // It would wait for the methods (A2).
    this.api.node.tryRemoveChild('Endpoint');
    const { region, urlSuffix } = Stack.of(this);
    this.url = `https://${this.api.restApiId}.execute-api.${region}.${urlSuffix}/${STAGE}`;
    if (accountLogRole) this.api.deploymentStage.node.addDependency(this.#accountLogs());
  }

  /** Sends everything to ingress, and a run's events to stream. */
  route(ingress: HandlerFunction, stream: HandlerFunction): void {
    const toIngress = integration(ingress);
    const toStream = integration(stream);
    const { root } = this.api;
    const service = root.addResource(SERVICE_PREFIX);
    const iam = { authorizationType: AuthorizationType.IAM };
    const none = { authorizationType: AuthorizationType.NONE };
    for (const [base, auth] of [[root, none] as const, [service, iam] as const]) {
      everything(base, toIngress, auth);
      const events = EVENTS_PATH.reduce<IResource>((at, part, index) => {
        const inner = at.addResource(part);
        // A resource has room for one variable: below `run` it is the id.
        everything(inner, toIngress, auth, !EVENTS_PATH[index + 1]?.startsWith('{'));
        return inner;
      }, base);
      events.addMethod('GET', toStream, auth);
    }
  }

  /** Tells a function where it is called from outside. */
  grantUrl(to: HandlerFunction): void {
    to.setEnvironment(ENV.apiUrl, this.url);
  }

  /** True for methods that API Gateway lets through: ingress checks the key. */
  isPublic(method: Method): boolean {
    return !`${method.resource.path}/`.startsWith(`/${SERVICE_PREFIX}/`);
  }

  /** Allows calls below `/svc`. */
  grantInvoke(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['execute-api:Invoke'],
      resourceArns: [this.api.arnForExecuteApi('*', `/${SERVICE_PREFIX}/*`, STAGE)],
    });
  }

  /** https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html: without it a stage with an access log is refused. */
  #accountLogs(): CfnAccount {
    const role = serviceRole(this, 'LogRole', 'apigateway.amazonaws.com', "Lets API Gateway write this account's logs");
    role.addToPolicy(
      allow(
        [
          'logs:CreateLogGroup',
          'logs:CreateLogStream',
          'logs:DescribeLogGroups',
          'logs:DescribeLogStreams',
          'logs:FilterLogEvents',
          'logs:GetLogEvents',
          'logs:PutLogEvents',
        ],
        ['*'],
      ),
    );
    // Other APIs of this account write with it: it stays when this stack goes.
    role.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn });
    account.applyRemovalPolicy(RemovalPolicy.RETAIN);
    account.node.addDependency(role);
    return account;
  }
}

/** One line of JSON per request. Nothing of a body or a header: a key is one. */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  time: '$context.requestTime',
  method: '$context.httpMethod',
  path: '$context.path',
  status: '$context.status',
  latencyMs: '$context.responseLatency',
  integrationMs: '$context.integrationLatency',
  integrationError: '$context.integrationErrorMessage',
  bytes: '$context.responseLength',
  ip: '$context.identity.sourceIp',
  caller: '$context.identity.userArn',
  agent: '$context.identity.userAgent',
};

function integration(to: HandlerFunction): LambdaIntegration {
  return new LambdaIntegration(to.target, {
    proxy: true,
    responseTransferMode: ResponseTransferMode.STREAM,
    timeout: Duration.seconds(to.timeout.toSeconds() + GRACE_SECONDS),
    // One permission for the whole API: one for each method would outgrow the function's policy.
    scopePermissionToMethod: false,
  });
}

/**
 * Every method of a resource and, with `below`, of what is below it. A resource that is there hides a greedy one further up, also for methods that it
 * does not have.
 */
function everything(resource: IResource, to: LambdaIntegration, auth: MethodOptions, below = true): void {
  resource.addMethod('ANY', to, auth);
  if (below) resource.addResource('{proxy+}').addMethod('ANY', to, auth);
}
