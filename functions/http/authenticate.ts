// Who asks. Everything behind this believes the `Caller` that it makes.
//
//   A1. A key is looked at by `Keys.check` alone, and never told again.
//   A2. IAM callers are those that API Gateway authorised: `identity.userArn` is set by it and cannot be sent by a client. Locally there is no
//       API Gateway, so there are none.
//   A3. Whoever may do more may do less: `admin` includes `run`, `run` includes `read`.

import { ApiError, TENANT } from '../../shared/contract/index.ts';
import type { Keys } from '../../shared/keys/types.ts';
import { type Caller, DEFAULT_TENANT } from '../../shared/orchestrate/index.ts';
import type { ApiEvent } from './exchange.ts';
import { headerOf } from './headers.ts';
import type { Access } from './route.ts';

export interface Authentication {
  keys: Pick<Keys, 'check' | 'take'>;
  /** `maestro dev`: requests come straight from the machine's own network. */
  local: boolean;
}

const ALL_SCOPES = ['run', 'read', 'admin'] as const;
const SERVICE_RESOURCE = '/svc';
/** Of these a proxy sends one at least, if it is set up to say that it is one. */
const PROXY_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'];

/**
 * Finds out who asks, and whether they may.
 * @returns undefined where nobody is asked for
 * @throws ApiError unauthorized, forbidden, rate_limited, bad_request
 */
export async function authenticate(options: Authentication, event: ApiEvent, access: Access): Promise<Caller | undefined> {
  if (event.exchange.service) {
    const caller = serviceCaller(options, event);
    return access === 'public' || access === 'token' ? undefined : caller;
  }
  if (access === 'public' || access === 'token') return undefined;
  if (access === 'legacy') return legacyCaller(options, event);
  const caller = await keyCaller(options, event);
  checkScope(caller, access);
  return caller;
}

/** True for whoever runs this Maestro: may touch what all tenants share. */
export function isOperator({ tenant, scopes }: Caller): boolean {
  return tenant === DEFAULT_TENANT && scopes.includes('admin');
}

function checkScope(caller: Caller, access: Exclude<Access, 'public' | 'token' | 'legacy'>): void {
  const has = (scope: 'run' | 'admin'): boolean => caller.scopes.includes(scope);
  if (access === 'run' && !has('run') && !has('admin')) throw forbidden('it needs a key with the scope `run`');
  if ((access === 'admin' || access === 'operator') && !has('admin')) throw forbidden('it needs a key with the scope `admin`');
  if (access === 'operator' && !isOperator(caller))
    throw forbidden(`it concerns all tenants, so it needs a key with the scope \`admin\` of the tenant \`${DEFAULT_TENANT}\``);
}

async function keyCaller({ keys }: Authentication, event: ApiEvent): Promise<Caller> {
  const key = keyOf(event);
  const checked = await keys.check(key);
  if (!checked.ok)
    throw new ApiError('unauthorized', checked.reason === 'unknown' ? 'the API key is not known.' : `the API key is ${checked.reason}.`);
  const waitSeconds = await keys.take(checked.keyId, checked.rateLimit);
  if (waitSeconds > 0)
    throw new ApiError(
      'rate_limited',
      `the key's limit of ${checked.rateLimit} requests a minute is used up; try again in ${waitSeconds} s.`,
      {
        retryAfter: waitSeconds,
      },
    );
  return { tenant: checked.tenant, authMode: 'api_key', principal: checked.keyId, scopes: checked.scopes };
}

function keyOf(event: ApiEvent): string {
  const plain = headerOf(event, 'x-api-key')?.trim();
  const bearer = /^bearer +(\S+)$/i.exec(headerOf(event, 'authorization')?.trim() ?? '')?.[1];
  if (plain && bearer && plain !== bearer)
    throw new ApiError('bad_request', 'two different API keys were sent; expected one, as `Authorization: Bearer` or as `x-api-key`.');
  const key = bearer ?? plain;
  if (!key) throw new ApiError('unauthorized', 'no API key was sent; expected `Authorization: Bearer mk_…` or `x-api-key: mk_…`.');
  return key;
}

function serviceCaller({ local }: Authentication, event: ApiEvent): Caller {
  const { userArn } = event.requestContext.identity;
  if (local) throw forbidden('paths below /svc are for IAM callers on AWS; use an API key and the path without /svc');
  if (!userArn || !(event.resource === SERVICE_RESOURCE || event.resource.startsWith(`${SERVICE_RESOURCE}/`)))
    throw forbidden('paths below /svc are for requests that are signed (IAM)');
  const tenant = TENANT.safeParse(headerOf(event, 'x-maestro-tenant') ?? DEFAULT_TENANT);
  if (!tenant.success) throw new ApiError('bad_request', 'header x-maestro-tenant: expected the name of a tenant.');
  return { tenant: tenant.data, authMode: 'service', principal: userArn, scopes: ALL_SCOPES };
}

function legacyCaller({ local }: Authentication, event: ApiEvent): Caller {
  const { userArn } = event.requestContext.identity;
  if (!local && userArn) return { tenant: DEFAULT_TENANT, authMode: 'service', principal: userArn, scopes: ALL_SCOPES };
  if (local && isLoopback(event)) return { tenant: DEFAULT_TENANT, authMode: 'localhost', principal: 'localhost', scopes: ['run', 'read'] };
  throw forbidden(
    local
      ? 'it is for callers on this machine; others use POST /api/v2/orchestrate/run with an API key'
      : 'it is for IAM callers; others use POST /api/v2/orchestrate/run with an API key',
  );
}

/**
 * The caller is a program on this machine: no proxy stands between, and no web page that a browser was led to (its request names another host,
 * or an origin).
 */
function isLoopback(event: ApiEvent): boolean {
  const { sourceIp } = event.requestContext.identity;
  if (!/^127(\.\d{1,3}){3}$/.test(sourceIp) && sourceIp !== '::1') return false;
  const named = (value: string | undefined): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(value ?? '');
  if (!named(headerOf(event, 'host'))) return false;
  const origin = headerOf(event, 'origin');
  if (origin !== undefined && !named(/^https?:\/\/(.+)$/i.exec(origin)?.[1])) return false;
  return PROXY_HEADERS.every((name) => headerOf(event, name) === undefined);
}

function forbidden(why: string): ApiError {
  return new ApiError('forbidden', `this is not allowed: ${why}.`);
}
