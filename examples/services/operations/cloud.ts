// Deployments: machines, the app on them, health, a load balancer and DNS. An artifact with "broken" in its name never gets healthy.

import { number, Refusal, text } from '../json.ts';
import type { Operation } from '../operation.ts';

export const cloudOperations: Operation[] = [
  {
    name: 'CreateInstance',
    route: 'POST /cloud/instances',
    run(world, input) {
      const instance = world.add('instances', { image: text(input, 'image'), size: text(input, 'size'), region: text(input, 'region') });
      return { id: instance.id, ip: addressOf(instance.id) };
    },
  },
  {
    name: 'DestroyInstance',
    route: 'DELETE /cloud/instances/{instance_id}',
    run: (world, input) => ({ destroyed: world.remove('instances', text(input, 'instance_id')) }),
  },
  {
    name: 'Deploy',
    route: 'POST /deployments',
    run(world, input) {
      const instanceId = text(input, 'instance_id');
      if (world.get('instances', instanceId) === undefined) throw new Refusal(`there is no instance ${instanceId}`, 404);
      const deployment = world.add('deployments', { instance_id: instanceId, artifact: text(input, 'artifact') });
      return { id: deployment.id, port: 8443 };
    },
  },
  {
    name: 'Undeploy',
    route: 'DELETE /deployments/{deployment_id}',
    run: (world, input) => ({ undeployed: world.remove('deployments', text(input, 'deployment_id')) }),
  },
  {
    name: 'CheckHealth',
    route: 'POST /health/check',
    run(world, input) {
      const ip = text(input, 'ip');
      const deployed = world.all('deployments').find((deployment) => addressOf(text(deployment, 'instance_id')) === ip);
      return {
        target: `${ip}:${number(input, 'port')}`,
        healthy: deployed !== undefined && !text(deployed, 'artifact').includes('broken'),
      };
    },
  },
  {
    name: 'RegisterTarget',
    route: 'POST /lb/targets',
    run(world, input) {
      const target = world.add('targets', { lb_id: text(input, 'lb_id'), address: `${text(input, 'ip')}:${number(input, 'port')}` });
      return { id: target.id };
    },
  },
  {
    name: 'DeregisterTarget',
    route: 'DELETE /lb/targets/{target_id}',
    run: (world, input) => ({ deregistered: world.remove('targets', text(input, 'target_id')) }),
  },
  {
    name: 'CreateRecord',
    route: 'PUT /dns/records/{name}',
    run(world, input) {
      const name = text(input, 'name');
      world.add('dns_records', { ip: text(input, 'ip') }, name);
      return { name, url: `https://${name}` };
    },
  },
  {
    name: 'DeleteRecord',
    route: 'DELETE /dns/records/{name}',
    run: (world, input) => ({ deleted: world.remove('dns_records', text(input, 'name')) }),
  },
];

/** `instance-3` has the address 10.0.0.3. */
function addressOf(instanceId: string): string {
  return `10.0.0.${instanceId.slice(instanceId.lastIndexOf('-') + 1)}`;
}
