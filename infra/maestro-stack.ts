// Maestro as a stack of its own: what `cdk deploy` deploys.

import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Maestro, type MaestroProps } from './maestro.ts';

export type MaestroStackProps = StackProps & Omit<MaestroProps, 'name'>;

export class MaestroStack extends Stack {
  readonly maestro: Maestro;

  constructor(scope: Construct, id: string, props: MaestroStackProps) {
    super(scope, id, { description: 'Maestro: workflows that survive failure', ...props });
    this.maestro = new Maestro(this, 'Maestro', { accountLogRole: true, ...props, name: this.stackName });
    const { url, secretsPath } = this.maestro;
    new CfnOutput(this, 'ApiUrl', { value: url, description: 'The API; its pages are below /docs' });
    new CfnOutput(this, 'FirstKey', {
      value: firstKeyCommand(url, this.region),
      description: 'Makes the first key, with your AWS credentials',
    });
    new CfnOutput(this, 'SecretsPath', { value: secretsPath, description: '`secret.NAME` of a workflow is looked up below this path' });
  }
}

/** The first key cannot be made with a key: IAM signs for it. `curl` signs by itself. */
function firstKeyCommand(url: string, region: string): string {
  return [
    `curl -sS -X POST ${url}/svc/api/v2/keys`,
    `--aws-sigv4 "aws:amz:${region}:execute-api"`,
    '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
    '-H "x-amz-security-token: $AWS_SESSION_TOKEN"',
    "-H 'content-type: application/json'",
    `-d '{"name":"first","scopes":["admin","run","read"]}'`,
  ].join(' ');
}
