// `secret.NAME` on AWS: Secrets Manager, then SSM Parameter Store, below `/maestro/<stack>/`. Each value is kept for five minutes.

import type { Clock } from '../clock.ts';
import { badConfiguration, CallFailure, errorCode } from './failure.ts';

export interface AwsSecretsOptions {
  /** Name of the stack: secrets are `/maestro/<stack>/<NAME>`. */
  stack: string;
  region?: string;
  /** Stand-ins for the two services. Default: AWS. */
  endpoints?: { secretsManager?: string; ssm?: string };
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** How long a value is used before it is looked up again, ms. A rotated secret reaches every container within this time. */
const TTL_MS = 300_000;
/** Of one try, ms. The SDK tries three times. */
const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 5_000;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/;
/** The secret is not there, or is about to be deleted. */
const MISSING = new Set(['ResourceNotFoundException', 'ParameterNotFound', 'InvalidRequestException']);

interface Entry {
  value: Promise<string | undefined>;
  untilMs: number;
}

/**
 * Makes the lookup of secrets. Calls for the same name at the same time share one request.
 * @returns The value; undefined where neither service has it. Rejects with a `CallFailure`: BadConfiguration (not allowed) or ServiceUnavailable.
 */
export function createAwsSecrets(options: AwsSecretsOptions, clock: Clock): (name: string) => Promise<string | undefined> {
  const cache = new Map<string, Entry>();
  return async (name) => {
    if (!NAME.test(name)) return undefined;
    const known = cache.get(name);
    if (known && known.untilMs > clock.now()) return known.value;
    const value = lookUp(`/maestro/${options.stack}/${name}`, name, options);
    cache.set(name, { value, untilMs: clock.now() + TTL_MS });
    // A failed or empty lookup is not kept: whoever adds the secret wants the next try to find it.
    value.then(
      (found) => found === undefined && cache.delete(name),
      () => cache.delete(name),
    );
    return value;
  };
}

async function lookUp(path: string, name: string, options: AwsSecretsOptions): Promise<string | undefined> {
  return (await fromSecretsManager(path, name, options)) ?? (await fromParameterStore(path, name, options));
}

async function fromSecretsManager(path: string, name: string, options: AwsSecretsOptions): Promise<string | undefined> {
  const { SecretsManagerClient, GetSecretValueCommand } = await import('./sdk/secrets-manager.ts');
  const client = new SecretsManagerClient(clientConfig(options, options.endpoints?.secretsManager));
  try {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: path }));
    return answer.SecretString ?? (answer.SecretBinary ? Buffer.from(answer.SecretBinary).toString('utf8') : undefined);
  } catch (error) {
    return missingOrThrow(error, name, 'Secrets Manager');
  } finally {
    client.destroy();
  }
}

async function fromParameterStore(path: string, name: string, options: AwsSecretsOptions): Promise<string | undefined> {
  const { SSMClient, GetParameterCommand } = await import('./sdk/ssm.ts');
  const client = new SSMClient(clientConfig(options, options.endpoints?.ssm));
  try {
    const answer = await client.send(new GetParameterCommand({ Name: path, WithDecryption: true }));
    return answer.Parameter?.Value;
  } catch (error) {
    return missingOrThrow(error, name, 'SSM');
  } finally {
    client.destroy();
  }
}

function clientConfig({ region, credentials }: AwsSecretsOptions, endpoint: string | undefined) {
  return {
    ...(region === undefined ? {} : { region }),
    ...(credentials ? { credentials } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
    // The call's own time has not begun: without a limit a hanging lookup would hold the step function until it is killed.
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
  };
}

function missingOrThrow(error: unknown, name: string, where: string): undefined {
  const kind = error instanceof Error ? error.name : 'unknown';
  if (MISSING.has(kind)) return undefined;
  if (/AccessDenied|CredentialsProvider|UnrecognizedClient|Decryption/.test(kind)) {
    throw badConfiguration(`secret.${name} cannot be read from ${where} (${kind}): allow the step function to read it`);
  }
  throw new CallFailure(
    'Maestro.ServiceUnavailable',
    `secret.${name} could not be read from ${where} (${errorCode(error)}); nothing was sent`,
  );
}
