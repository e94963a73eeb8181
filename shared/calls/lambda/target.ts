// Which Lambda function: a name, a partial ARN or an ARN, each with or without a version or alias.

import type { ServiceConfig } from '../../protocol/step-message.ts';
import { badConfiguration } from '../failure.ts';
import { describeParts, type Environment, joinParts, type Names } from '../parts.ts';

/** The Lambda API, Invoke: the patterns of FunctionName. */
const NAME =
  /^(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:(?:function:)?)?[a-zA-Z0-9-_]+(?::(?:\$LATEST|[a-zA-Z0-9-_]+))?$/;

/**
 * The function that the endpoint of a service names.
 * @throws {CallFailure} BadConfiguration: no such name is possible, or a name from data that is not one of `allow_hosts`.
 */
export function lambdaFunction(service: ServiceConfig, names: Names): string {
  const name = joinParts(service.endpoint, names);
  if (!NAME.test(name)) throw badConfiguration(`service "${service.name}": its endpoint is not the name or ARN of a Lambda function`);
  const fromValue = service.endpoint.some((part) => typeof part !== 'string' && 'v' in part);
  if (fromValue && !(service.allowHosts ?? []).includes(name)) {
    throw badConfiguration(`service "${service.name}": the function that its endpoint was given is not one of its allow_hosts`);
  }
  return name;
}

/** `lambda:` and the function as the endpoint names it. */
export function lambdaOrigin(service: ServiceConfig, environment: Environment): string {
  if (service.endpoint.some((part) => typeof part !== 'string' && 'secret' in part)) return `lambda:${describeParts(service.endpoint)}`;
  const env = (name: string): string => {
    const value = environment.env(name);
    if (value === undefined) throw badConfiguration(`service "${service.name}": env.${name}, which its endpoint uses, is not set`);
    return value;
  };
  return `lambda:${lambdaFunction(service, { env, secret: () => '', secrets: new Map() })}`;
}
