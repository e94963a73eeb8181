// What every role of ours has in common: who may assume it, and statements written out, so that no feature flag of an app changes them.

import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** Allows exactly these actions on exactly these resources. */
export function allow(
  actions: readonly string[],
  resources: readonly string[],
  conditions?: { [operator: string]: object },
): PolicyStatement {
  return new PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions ? { conditions } : {}) });
}

/**
 * A role for a service of AWS, assumed only on behalf of a resource of this account.
 * @param source pattern of the ARNs it is assumed for; left out for Lambda, which tells no source when it takes an execution role
 */
export function serviceRole(scope: Construct, id: string, service: string, description: string, source?: string): Role {
  return new Role(scope, id, { assumedBy: servicePrincipal(scope, service, source), description });
}

/** A service of AWS as it acts for a resource of this account. */
export function servicePrincipal(scope: Construct, service: string, source?: string): ServicePrincipal {
  if (source === undefined) return new ServicePrincipal(service);
  const conditions = { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account }, ArnLike: { 'aws:SourceArn': source } };
  return new ServicePrincipal(service, { conditions });
}

/** X-Ray has no resources. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html */
export function allowTracing(): PolicyStatement {
  return allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords', 'xray:GetSamplingRules', 'xray:GetSamplingTargets'], ['*']);
}

/** ARNs of all executions of a machine. */
export function executionsOf(scope: Construct, machineName: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'execution',
    resourceName: `${machineName}:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
