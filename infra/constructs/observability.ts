// Alarms and the dashboard. Every alarm says in its text where docs/operations.md tells what to do.

import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Metric,
  SingleValueWidget,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { METRIC, METRIC_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../../shared/protocol/metrics.ts';
import type { AlarmActions, Severity } from '../public-types.ts';
import type { Api } from './api.ts';
import type { HandlerFunction } from './handler-function.ts';
import type { Queues } from './queues.ts';
import type { DeployedWorkflow } from './workflows.ts';

export interface ObservabilityProps {
  /** The value of the metrics' one dimension. */
  readonly name: string;
  readonly api: Api;
  readonly queues: Queues;
  readonly functions: { readonly [name: string]: HandlerFunction };
  readonly workflows: readonly DeployedWorkflow[];
  readonly alarmActions: AlarmActions;
}

const RUNBOOK = 'docs/operations.md';
const FIVE_MINUTES = Duration.minutes(5);
/** Of requests that end with a 5xx, in percent: below it a single failure of a quiet hour would page. */
const ERROR_PERCENT = 1;
const LEAST_REQUESTS = 20;
/** Minutes in a row with errors of a function: one is retried by whoever called it. */
const ERROR_PERIODS = 3;

interface AlarmSpec {
  severity: Severity;
  metric: IMetric;
  /** It goes off at this value. Default 1. */
  threshold?: number;
  /** Periods in a row. Default 1. */
  periods?: number;
  what: string;
  /** Heading in the runbook, as an anchor. */
  anchor: string;
}

export class Observability extends Construct {
  readonly alarms: readonly Alarm[];
  readonly dashboard: Dashboard;
  readonly #name: string;
  readonly #actions: AlarmActions;

  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id);
    this.#name = props.name;
    this.#actions = props.alarmActions;
    this.alarms = [...this.#runAlarms(), ...this.#queueAlarms(props.queues), ...this.#errorAlarms(props)];
    this.dashboard = this.#dashboard(props);
  }

  /** A metric that Maestro's functions write, summed. */
  metric(name: MetricName, period: Duration = FIVE_MINUTES): Metric {
    return new Metric({
      namespace: METRIC_NAMESPACE,
      metricName: name,
      dimensionsMap: { [METRIC_DIMENSION]: this.#name },
      statistic: Stats.SUM,
      period,
    });
  }

  #runAlarms(): Alarm[] {
    return [
      this.#alarm('FailedUndo', {
        severity: 'page',
        metric: this.metric(METRIC.undoFailed),
        what: 'An undo ended with something left: something was done and not taken back.',
        anchor: 'failed-undo',
      }),
      this.#alarm('BreakerOpen', {
        severity: 'ticket',
        metric: this.metric(METRIC.breakerOpened),
        what: 'A circuit breaker opened: a service fails, and is not called for a while.',
        anchor: 'breaker-open',
      }),
      this.#alarm('SweepFailed', {
        severity: 'ticket',
        metric: this.metric(METRIC.sweepFailed),
        periods: ERROR_PERIODS,
        what: "The minute's sweep cannot deal with every run: an undo that is owed may wait.",
        anchor: 'sweep-failed',
      }),
    ];
  }

  #queueAlarms(queues: Queues): Alarm[] {
    const dead = (id: string, queue: Queue, what: string, anchor: string, severity: Severity = 'ticket'): Alarm =>
      this.#alarm(id, {
        severity,
        metric: queue.metricApproximateNumberOfMessagesVisible({ statistic: Stats.MAXIMUM, period: FIVE_MINUTES }),
        what,
        anchor,
      });
    return [
      dead('UndoDeadLetters', queues.undoDeadLetters, 'There are letters of undos that failed for good.', 'failed-undo', 'page'),
      dead('StartDeadLetters', queues.startDeadLetters, 'Queued runs or triggers could not be started.', 'start-dead-letters'),
      dead(
        'TriggerDeadLetters',
        queues.triggerDeadLetters,
        'Triggers fired and did not reach the queue of starts.',
        'trigger-dead-letters',
      ),
      dead('RecorderDeadLetters', queues.recorderDeadLetters, 'Ends of executions were not recorded.', 'recorder-dead-letters'),
    ];
  }

  #errorAlarms({ api, functions }: ObservabilityProps): Alarm[] {
    const errors = api.api.deploymentStage.metricServerError({ statistic: Stats.SUM, period: FIVE_MINUTES });
    const requests = api.api.deploymentStage.metricCount({ statistic: Stats.SUM, period: FIVE_MINUTES });
    const rate = new MathExpression({
      expression: `IF(requests >= ${LEAST_REQUESTS}, 100 * errors / requests, 0)`,
      usingMetrics: { errors, requests },
      label: 'requests that failed, %',
      period: FIVE_MINUTES,
    });
    const ofApi = this.#alarm('ApiErrors', {
      severity: 'page',
      metric: rate,
      threshold: ERROR_PERCENT,
      periods: 2,
      what: 'Requests to the API fail with 5xx.',
      anchor: 'api-errors',
    });
    const ofFunctions = Object.entries(functions)
      // The step function fails whenever a step does: that is no error of ours.
      .filter(([name]) => name !== 'step')
      .map(([name, { alias }]) =>
        this.#alarm(`${name[0]?.toUpperCase()}${name.slice(1)}Errors`, {
          severity: 'ticket',
          metric: alias.metricErrors({ statistic: Stats.SUM, period: FIVE_MINUTES }),
          periods: ERROR_PERIODS,
          what: `The function ${name} fails again and again.`,
          anchor: 'function-errors',
        }),
      );
    return [ofApi, ...ofFunctions];
  }

  #alarm(id: string, { severity, metric, threshold = 1, periods = 1, what, anchor }: AlarmSpec): Alarm {
    const alarm = new Alarm(this, id, {
      metric,
      threshold,
      evaluationPeriods: periods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // Nothing happened, nothing is wrong.
      treatMissingData: TreatMissingData.NOT_BREACHING,
      alarmDescription: `${what} What to do: ${RUNBOOK}#${anchor}`,
    });
    alarm.addAlarmAction(...(this.#actions[severity] ?? []));
    return alarm;
  }

  #dashboard({ api, queues, functions, workflows }: ObservabilityProps): Dashboard {
    const sum = { statistic: Stats.SUM, period: FIVE_MINUTES };
    const of = (pick: (workflow: DeployedWorkflow) => Metric): Metric[] => workflows.map((one) => pick(one).with({ label: one.name }));
    const stage = api.api.deploymentStage;
    const graph = (title: string, left: IMetric[], right: IMetric[] = []): GraphWidget => new GraphWidget({ title, left, right, width: 8 });
    return new Dashboard(this, 'Dashboard', {
      widgets: [
        [
          new SingleValueWidget({
            title: 'Undos that failed, breakers that opened, runs recovered',
            metrics: [METRIC.undoFailed, METRIC.breakerOpened, METRIC.runRecovered].map((name) => this.metric(name)),
            width: 24,
          }),
        ],
        [
          graph(
            'Executions started',
            of(({ machine }) => machine.metricStarted(sum)),
          ),
          graph(
            'Executions failed',
            of(({ machine }) => machine.metricFailed(sum)),
          ),
          graph(
            'Execution time',
            of(({ machine }) => machine.metricTime({ statistic: 'p90', period: FIVE_MINUTES })),
          ),
        ],
        [
          graph('API', [stage.metricCount(sum)], [stage.metricServerError(sum), stage.metricClientError(sum)]),
          graph('API latency', [stage.metricLatency({ statistic: 'p50' }), stage.metricLatency({ statistic: 'p99' })]),
          graph('Steps', [this.metric(METRIC.stepRetry), this.metric(METRIC.stepFailure)]),
        ],
        [
          graph(
            'Function errors',
            Object.entries(functions).map(([label, { alias }]) => alias.metricErrors({ ...sum, label })),
          ),
          graph(
            'Runs waiting to be started',
            [queues.start.metricApproximateNumberOfMessagesVisible()],
            [this.metric(METRIC.startThrottled)],
          ),
          graph(
            'Dead letters',
            [queues.undoDeadLetters, queues.startDeadLetters, queues.triggerDeadLetters, queues.recorderDeadLetters].map((queue) =>
              queue.metricApproximateNumberOfMessagesVisible({ label: queue.node.id }),
            ),
          ),
        ],
      ],
    });
  }
}
