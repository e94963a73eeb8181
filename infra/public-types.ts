// Types that the public door names beside the construct's own. They stand here so that the package's declarations need nothing else: those of the
// parts refer to the compiler's, and through them to libraries that the package does not ask for.

import type { IAlarmAction } from 'aws-cdk-lib/aws-cloudwatch';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { Queue } from 'aws-cdk-lib/aws-sqs';

/** A network that a function runs in. */
export interface Network {
  readonly vpc: IVpc;
  readonly subnets?: SubnetSelection;
  readonly securityGroups?: ISecurityGroup[];
}

/** `page`: somebody has to act now. `ticket`: somebody has to look today. */
export type Severity = 'page' | 'ticket';

/** What happens when an alarm goes off, by its severity. */
export type AlarmActions = { readonly [severity in Severity]?: readonly IAlarmAction[] };

/** Where what failed for good is kept. */
export interface DeadLetterQueues {
  readonly undo: Queue;
  readonly start: Queue;
  readonly trigger: Queue;
  readonly recorder: Queue;
}
