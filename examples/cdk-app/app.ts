// A CDK app of one's own with Maestro in it: its workflows, an alarm by mail, and a function that may start one of them.

import { join } from 'node:path';
import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { AccountPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Maestro } from 'maestro/infra';

const app = new App();
const stack = new Stack(app, 'Shop');

const pager = new Topic(stack, 'Pager', { enforceSSL: true });

const maestro = new Maestro(stack, 'Maestro', {
  workflows: join(import.meta.dirname, 'workflows'),
  env: { WAREHOUSE: 'https://warehouse.example' },
  alarmActions: { page: [new SnsAction(pager)] },
});

// Whoever takes this role may start `restock`, and nothing else.
const buyer = new Role(stack, 'Buyer', { assumedBy: new AccountPrincipal(stack.account) });
maestro.grantStart(buyer, 'restock');

new CfnOutput(stack, 'MaestroUrl', { value: maestro.url });
