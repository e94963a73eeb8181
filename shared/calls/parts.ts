// From the parts of a header, endpoint or method to text. Parts are joined, never read for templates: a value that looks like one stays as it is.

import type { Json } from '../json.ts';
import type { Part } from '../protocol/step-message.ts';
import { badConfiguration } from './failure.ts';

/** Where `env.NAME` and `secret.NAME` come from. */
export interface Environment {
  /** The value of `env.NAME`; undefined where there is none. */
  env(name: string): string | undefined;
  /** The value of `secret.NAME`; undefined where there is none. Rejects with a `CallFailure` when the store of secrets does not answer. */
  secret(name: string): string | undefined | Promise<string | undefined>;
}

/** Names in use by one call, resolved, and which texts must not be seen afterwards. */
export interface Names {
  env(name: string): string;
  secret(name: string): string;
  /**
   * What may stand in nothing that leaves the call, by name (`secret.NAME`, `env.NAME`), longer ones first: every secret, and what of the
   * environment is sent. (A host that comes from the environment is no secret: the breaker's key is made of it.)
   */
  readonly secrets: ReadonlyMap<string, string>;
}

/** Text of a value inside longer text (2-language): null is empty, objects and lists are JSON. */
export function textOf(value: Json): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  return JSON.stringify(value);
}

/** Joins parts; `names` looks up the `env` and `secret` ones. Throws BadConfiguration for a missing name. */
export function joinParts(parts: readonly Part[], names: Names): string {
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'string') return only;
  let text = '';
  for (const part of parts) text += partText(part, names);
  return text;
}

/** The text of one part. */
export function partText(part: Part, names: Names): string {
  if (typeof part === 'string') return part;
  if ('v' in part) return textOf(part.v);
  return 'env' in part ? names.env(part.env) : names.secret(part.secret);
}

/** The same text with each value as `{}` and each name as `{env.NAME}`: what a message or a record may show. */
export function describeParts(parts: readonly Part[]): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : 'v' in part ? '{}' : 'env' in part ? `{env.${part.env}}` : `{secret.${part.secret}}`))
    .join('');
}

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;

/** No names at all: for calls that use none, so that they wait for nothing. */
const NO_NAMES: Names = {
  env: missingEnv,
  secret: missingSecret,
  secrets: new Map(),
};

/**
 * Looks up every secret that the parts name. Answers at once, without a promise, when there is none to wait for.
 * @param sent Parts of headers and method.
 * @throws {CallFailure} BadConfiguration, naming the secret that is missing; its value is in no message.
 */
export function namesFor(endpoint: readonly Part[], sent: Iterable<readonly Part[]>, environment: Environment): Names | Promise<Names> {
  const wanted = { env: new Set<string>(), secret: new Set<string>() };
  let usesNames = collectNames(endpoint, wanted);
  for (const name of wanted.env) if (isAddress(endpoint, name)) wanted.env.delete(name);
  for (const parts of sent) usesNames = collectNames(parts, wanted) || usesNames;
  if (!usesNames) return NO_NAMES;
  const hidden: [name: string, value: string][] = [];
  for (const name of wanted.env) hidden.push([`env.${name}`, environment.env(name) ?? '']);
  return wanted.secret.size === 0 ? knownNames(environment, hidden) : resolveSecrets(wanted.secret, hidden, environment);
}

/** Adds the names that the parts use; true if there are any. */
function collectNames(parts: readonly Part[], wanted: { env: Set<string>; secret: Set<string> }): boolean {
  let found = false;
  for (const part of parts) {
    if (typeof part === 'string' || 'v' in part) continue;
    if ('secret' in part) wanted.secret.add(part.secret);
    else wanted.env.add(part.env);
    found = true;
  }
  return found;
}

/** True if a variable stands only where the endpoint says which host: before its path begins. */
function isAddress(endpoint: readonly Part[], name: string): boolean {
  let before = '';
  for (const part of endpoint) {
    if (typeof part !== 'string' && 'env' in part && part.env === name && /[/?#]/.test(before.replace(SCHEME, ''))) return false;
    before += typeof part === 'string' ? part : 'x';
  }
  return true;
}

async function resolveSecrets(
  wanted: ReadonlySet<string>,
  hidden: readonly (readonly [name: string, value: string])[],
  environment: Environment,
): Promise<Names> {
  const found = await Promise.all([...wanted].map(async (name) => [name, await environment.secret(name)] as const));
  return knownNames(environment, [...hidden, ...found.map(([name, value]) => [`secret.${name}`, value ?? missingSecret(name)] as const)]);
}

/** Longer values first: one may be the beginning of another, whose rest would be left. */
function knownNames(environment: Environment, hidden: readonly (readonly [name: string, value: string])[]): Names {
  const secrets = new Map(hidden.toSorted(([, a], [, b]) => b.length - a.length));
  return {
    env: (name) => environment.env(name) ?? missingEnv(name),
    secret: (name) => secrets.get(`secret.${name}`) ?? missingSecret(name),
    secrets,
  };
}

function missingEnv(name: string): never {
  throw badConfiguration(
    `env.${name} is not set: give ${name} to the step function (on AWS: the option env of the construct; locally: the environment or .env)`,
  );
}

function missingSecret(name: string): never {
  throw badConfiguration(
    `secret.${name} is not set: create the secret (on AWS: ${name} below the stack's path in Secrets Manager or SSM; locally: the environment or .env)`,
  );
}
