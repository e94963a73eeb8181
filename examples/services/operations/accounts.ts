// Customers: accounts, subscriptions and workspaces.

import { Refusal, text } from '../json.ts';
import type { Operation } from '../operation.ts';

export const accountOperations: Operation[] = [
  {
    name: 'CreateAccount',
    route: 'POST /accounts',
    run(world, input) {
      const email = text(input, 'email');
      if (world.all('accounts').some((account) => account['email'] === email)) throw new Refusal('an account with that address exists');
      const account = world.add('accounts', { email, name: text(input, 'name') });
      return { account_id: account.id };
    },
  },
  {
    name: 'CloseAccount',
    route: 'DELETE /accounts/{account_id}',
    run: (world, input) => ({ closed: world.remove('accounts', text(input, 'account_id')) }),
  },
  {
    name: 'StartSubscription',
    route: 'POST /billing/subscriptions',
    run(world, input) {
      const subscription = world.add('subscriptions', { account_id: text(input, 'account_id'), plan: text(input, 'plan') });
      return { subscription_id: subscription.id };
    },
  },
  {
    name: 'CancelSubscription',
    route: 'DELETE /billing/subscriptions/{subscription_id}',
    run: (world, input) => ({ cancelled: world.remove('subscriptions', text(input, 'subscription_id')) }),
  },
  {
    name: 'CreateWorkspace',
    route: 'POST /workspaces',
    run(world, input) {
      const workspace = world.add('workspaces', { account_id: text(input, 'account_id'), name: text(input, 'name') });
      return { workspace_id: workspace.id, url: `https://app.example/${workspace.id}` };
    },
  },
  {
    name: 'DeleteWorkspace',
    route: 'DELETE /workspaces/{workspace_id}',
    run: (world, input) => ({ deleted: world.remove('workspaces', text(input, 'workspace_id')) }),
  },
];
