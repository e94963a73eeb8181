// What is used of Parameter Store: loaded when it is first needed.

export { GetParametersByPathCommand, SSMClient } from '@aws-sdk/client-ssm';
