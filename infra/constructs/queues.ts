// The queues. Every queue has a dead-letter queue or is one, and docs/operations.md says how a message gets out of each again.

import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ENV } from '../../shared/protocol/environment.ts';
import type { DeadLetterQueues } from '../public-types.ts';
import type { HandlerFunction } from './handler-function.ts';
import { allow } from './policies.ts';

/** SQS keeps nothing longer. */
const LONGEST = Duration.days(14);
/** Of a function's timeout. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html */
const VISIBILITY_RATIO = 6;
/**
 * Receives before a message is dead. A start that is refused for its rate comes back after 15 minutes at most, so that this is a day and a half
 * of being refused; a message that can never become a run is dead within seconds.
 */
const START_TRIES = 200;

export interface QueuesProps {
  /** Of the function that starts runs. */
  readonly starterTimeout: Duration;
}

export class Queues extends Construct {
  /** Runs to be started, and triggers that fired. */
  readonly start: Queue;
  /** What could not be started. */
  readonly startDeadLetters: Queue;
  /** Triggers that fired and could not be put into the start queue. */
  readonly triggerDeadLetters: Queue;
  /** Undos that failed for good: somebody has to act. */
  readonly undoDeadLetters: Queue;
  /** Status changes that were not recorded. */
  readonly recorderDeadLetters: Queue;

  constructor(scope: Construct, id: string, { starterTimeout }: QueuesProps) {
    super(scope, id);
    const queue = (name: string, props: ConstructorParameters<typeof Queue>[2] = {}): Queue =>
      new Queue(this, name, { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: LONGEST, ...props });
    this.startDeadLetters = queue('StartDeadLetters');
    this.start = queue('Start', {
      visibilityTimeout: Duration.seconds(starterTimeout.toSeconds() * VISIBILITY_RATIO),
      deadLetterQueue: { queue: this.startDeadLetters, maxReceiveCount: START_TRIES },
      redriveAllowPolicy: { redrivePermission: RedrivePermission.DENY_ALL },
    });
    this.triggerDeadLetters = queue('TriggerDeadLetters');
    this.undoDeadLetters = queue('UndoDeadLetters');
    this.recorderDeadLetters = queue('RecorderDeadLetters');
  }

  get dead(): DeadLetterQueues {
    const { undoDeadLetters: undo, startDeadLetters: start, triggerDeadLetters: trigger, recorderDeadLetters: recorder } = this;
    return { undo, start, trigger, recorder };
  }

  /** Queues runs. */
  grantSendStart(to: HandlerFunction): void {
    to.setEnvironment(ENV.startQueueUrl, this.start.queueUrl);
    to.allow(allow(['sqs:SendMessage'], [this.start.queueArn]));
  }

  /** Receives what is to be started: the event source of the starter is its, and it changes how long a message stays away. */
  grantReceiveStart(to: HandlerFunction): void {
    to.setEnvironment(ENV.startQueueUrl, this.start.queueUrl);
    to.allow(
      allow(['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'], [this.start.queueArn]),
    );
  }

  /** Puts an undo that failed for good where it is seen. */
  grantUndoDeadLetters(to: HandlerFunction): void {
    to.setEnvironment(ENV.undoDeadLetterUrl, this.undoDeadLetters.queueUrl);
    to.allow(allow(['sqs:SendMessage'], [this.undoDeadLetters.queueArn]));
  }
}
