// What starts runs from outside, and what tells the recorder that one has ended.
//
//   E1. Triggers put the event into the start queue (`shared/triggers`), and never start a machine: only there an event is one run however often
//       it is delivered.
//   E2. What could not be delivered is in a dead-letter queue.

import { ArnFormat, Stack } from 'aws-cdk-lib';
import { CfnRule, EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, type Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV } from '../../shared/protocol/environment.ts';
import { eventTargetInput, scheduleTargetInput } from '../../shared/triggers/index.ts';
import type { Trigger } from '../../shared/workflow/index.ts';
import type { HandlerFunction } from './handler-function.ts';
import type { Machine } from './machine.ts';
import { allow, serviceRole } from './policies.ts';
import type { Queues } from './queues.ts';
import type { DeployedWorkflow } from './workflows.ts';

/** Machines in one rule: a pattern holds 2,048 characters, and an ARN takes up to 160. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const MACHINES_PER_RULE = 11;
/** Tries, and how long: EventBridge's and Scheduler's own most. */
const RETRY = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 };

export interface EventsProps {
  /** A bus has to have a name. */
  readonly name: string;
  readonly queues: Queues;
}

export class Events extends Construct {
  readonly bus: EventBus;
  readonly #queues: Queues;
  #schedules: { group: CfnScheduleGroup; role: Role } | undefined;

  constructor(scope: Construct, id: string, { name, queues }: EventsProps) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', { eventBusName: name, description: "Maestro's own events, and those that its API takes" });
    this.#queues = queues;
    this.#letRulesSend(queues.start, queues.triggerDeadLetters, queues.recorderDeadLetters);
  }

  /** Puts events on Maestro's bus. */
  grantPut(to: HandlerFunction): void {
    to.setEnvironment(ENV.bus, this.bus.eventBusName);
    to.allow(allow(['events:PutEvents'], [this.bus.eventBusArn]));
  }

  /** The triggers of a workflow. An event may come from Maestro's bus or from the account's default one, where AWS's own services put theirs. */
  addTriggers({ name, source }: DeployedWorkflow): void {
    const scope = new Construct(this, `Triggers-${name}`);
    source.workflow.triggers.forEach((trigger, index) => {
      if (trigger.kind === 'schedule') this.#addSchedule(scope, name, trigger, index);
      else this.#addEventRules(scope, name, trigger, index);
    });
  }

  /** Tells the recorder of every change of every execution, whatever started it. */
  recordStatus(machines: readonly Machine[], recorder: HandlerFunction): void {
    for (let from = 0; from < machines.length; from += MACHINES_PER_RULE) {
      const some = machines.slice(from, from + MACHINES_PER_RULE).map(({ machine }) => machine.stateMachineArn);
      this.recordStatusOf(`Status${from / MACHINES_PER_RULE + 1}`, some, recorder);
    }
  }

  /** The same, of machines whose ARNs match one of `arns` as EventBridge matches a field. */
  recordStatusOf(id: string, arns: readonly (string | { wildcard: string })[], recorder: HandlerFunction): void {
    const detailType = 'Step Functions Execution Status Change';
    this.#toFunction(id, recorder, {
      eventPattern: { source: ['aws.states'], 'detail-type': [detailType], detail: { stateMachineArn: arns } },
    });
  }

  /** Calls a function again and again. */
  every(id: string, schedule: string, to: HandlerFunction): void {
    this.#toFunction(id, to, { scheduleExpression: schedule });
  }

  #toFunction(id: string, to: HandlerFunction, when: { eventPattern: object } | { scheduleExpression: string }): void {
    const target = {
      id: 'function',
      arn: to.alias.functionArn,
      deadLetterConfig: { arn: this.#queues.recorderDeadLetters.queueArn },
      retryPolicy: RETRY,
    };
    const rule = new CfnRule(this, id, { ...when, targets: [target] });
    new CfnPermission(rule, 'Permission', {
      action: 'lambda:InvokeFunction',
      functionName: to.alias.functionArn,
      principal: 'events.amazonaws.com',
      sourceArn: rule.attrArn,
      sourceAccount: Stack.of(this).account,
    });
  }

  #addEventRules(scope: Construct, workflow: string, { pattern }: Extract<Trigger, { kind: 'event' }>, index: number): void {
    const target = {
      id: 'start',
      arn: this.#queues.start.queueArn,
      inputTransformer: eventTargetInput(workflow, index),
      deadLetterConfig: { arn: this.#queues.triggerDeadLetters.queueArn },
      retryPolicy: RETRY,
    };
    const description = `Starts the workflow ${workflow}`;
    new CfnRule(scope, `Event${index}`, { description, eventPattern: pattern, eventBusName: this.bus.eventBusName, targets: [target] });
    new CfnRule(scope, `DefaultEvent${index}`, { description, eventPattern: pattern, targets: [target] });
  }

  #addSchedule(scope: Construct, workflow: string, { schedule }: Extract<Trigger, { kind: 'schedule' }>, index: number): void {
    const { account, region } = Stack.of(this);
    const { group, role } = this.#scheduling();
    new CfnSchedule(scope, `Schedule${index}`, {
      description: `Starts the workflow ${workflow}`,
      groupName: group.ref,
      scheduleExpression: schedule,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: this.#queues.start.queueArn,
        roleArn: role.roleArn,
        input: scheduleTargetInput(workflow, index, { account, region }),
        deadLetterConfig: { arn: this.#queues.triggerDeadLetters.queueArn },
        retryPolicy: RETRY,
      },
    });
  }

  /** One group and role for all schedules. https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html */
  #scheduling(): { group: CfnScheduleGroup; role: Role } {
    if (this.#schedules) return this.#schedules;
    const group = new CfnScheduleGroup(this, 'Schedules');
    const role = serviceRole(this, 'ScheduleRole', 'scheduler.amazonaws.com', "Lets schedules start Maestro's workflows", group.attrArn);
    role.addToPolicy(allow(['sqs:SendMessage'], [this.#queues.start.queueArn, this.#queues.triggerDeadLetters.queueArn]));
    this.#schedules = { group, role };
    return this.#schedules;
  }

  /** Rules of Maestro's bus, and those of this stack on the default one. One statement: a queue's policy holds twenty. */
  #letRulesSend(...queues: Queue[]): void {
    const stack = Stack.of(this);
    const rules = (name: string): string =>
      stack.formatArn({ service: 'events', resource: 'rule', resourceName: name, arnFormat: ArnFormat.SLASH_RESOURCE_NAME });
    for (const queue of queues) {
      queue.addToResourcePolicy(
        new PolicyStatement({
          principals: [new ServicePrincipal('events.amazonaws.com')],
          actions: ['sqs:SendMessage'],
          resources: [queue.queueArn],
          conditions: {
            StringEquals: { 'aws:SourceAccount': stack.account },
            ArnLike: { 'aws:SourceArn': [rules(`${this.bus.eventBusName}/*`), rules(`${stack.stackName}-*`)] },
          },
        }),
      );
    }
  }
}
