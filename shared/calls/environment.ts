// Where `env.NAME` and `secret.NAME` come from: on one machine the environment and a `.env` file, on AWS what was given on purpose and the
// secrets below the stack's path.

import { parseEnv } from 'node:util';
import type { Clock } from '../clock.ts';
import { type AwsSecretsOptions, createAwsSecrets } from './aws-secrets.ts';
import type { Environment } from './parts.ts';

/** Variables by name, as `process.env`. */
type Variables = Readonly<Record<string, string | undefined>>;

export interface LocalEnvironmentOptions {
  kind: 'local';
  /** The process's environment. Wins over the file. */
  variables: Variables;
  /** Text of a `.env` file. */
  dotenv?: string;
}

export interface AwsEnvironmentOptions extends AwsSecretsOptions {
  kind: 'aws';
  /** The function's environment: `MAESTRO_ENV_NAME` is `env.NAME`. */
  variables: Variables;
  clock: Clock;
}

/** What the platform put there is nobody's to send away. */
const NEVER = /^(?:AWS|LAMBDA)_|^_X_AMZN_|^_HANDLER$/i;
/** Before a name that was given to the function on purpose. */
const AWS_PREFIX = 'MAESTRO_ENV_';

/**
 * Makes the source of names for a caller.
 *
 * @example
 * createEnvironment({ kind: 'local', variables: process.env, dotenv: 'API_KEY=k-1' });
 * createEnvironment({ kind: 'aws', variables: process.env, stack: 'Maestro', clock: systemClock });
 */
export function createEnvironment(options: LocalEnvironmentOptions | AwsEnvironmentOptions): Environment {
  if (options.kind === 'aws') {
    const secret = createAwsSecrets(options, options.clock);
    return { env: (name) => (NEVER.test(name) ? undefined : own(options.variables, AWS_PREFIX + name)), secret };
  }
  const file = options.dotenv === undefined ? {} : parseEnv(options.dotenv);
  const find = (name: string): string | undefined => (NEVER.test(name) ? undefined : (own(options.variables, name) ?? own(file, name)));
  return { env: find, secret: find };
}

function own(variables: Variables, name: string): string | undefined {
  return Object.hasOwn(variables, name) ? variables[name] : undefined;
}
