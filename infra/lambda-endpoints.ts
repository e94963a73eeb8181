// The Lambda functions that workflows name as endpoints of services: what the step function has to be allowed to invoke.

import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Service, TextPart } from '../shared/workflow/index.ts';
import type { CompiledWorkflow } from './compile-workflows.ts';

/**
 * ARNs of the functions, each once, sorted. An endpoint made of `env` is looked up in `env`; one made of data may only be one of the service's
 * `allow_hosts`. What a secret names cannot be known here: whoever uses that grants it to the role of the step function.
 */
export function lambdaEndpoints(
  scope: Construct,
  compiled: readonly CompiledWorkflow[],
  env: { readonly [name: string]: string },
): string[] {
  const services = compiled.flatMap(({ workflow }) => Object.values(workflow.services)).filter(({ type }) => type === 'lambda');
  const named = services.flatMap((service) => namesOf(service, env));
  return [...new Set(named)].sort().map((name) => arnOf(scope, name));
}

function namesOf({ endpoint, allowHosts }: Service, env: { readonly [name: string]: string }): string[] {
  const texts = endpoint.map((part) => textOf(part, env));
  return texts.every((text) => text !== undefined) ? [texts.join('')] : [...allowHosts];
}

function textOf(part: TextPart, env: { readonly [name: string]: string }): string | undefined {
  if (typeof part === 'string') return part;
  return part.kind === 'env' && Object.hasOwn(env, part.name) ? env[part.name] : undefined;
}

/** `name`, `name:alias` or an ARN. */
function arnOf(scope: Construct, name: string): string {
  if (name.startsWith('arn:')) return name;
  return Stack.of(scope).formatArn({
    service: 'lambda',
    resource: 'function',
    resourceName: name,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
