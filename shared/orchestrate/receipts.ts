// What changes something leaves a receipt, before it is changed.

import type { Audit } from '../audit/types.ts';
import type { Json, JsonObject } from '../json.ts';
import type { Caller, RequestSource } from './ports.ts';

/** @param subject ids and words, never payloads. @returns the receipt, as a record keeps it */
export async function appendReceipt(
  audit: Pick<Audit, 'append'>,
  { authMode, tenant, principal }: Pick<Caller, 'authMode' | 'tenant' | 'principal'>,
  { requestId, method, route }: RequestSource,
  action: string,
  subject: JsonObject,
): Promise<Json> {
  const receipt = await audit.append({ requestId, authMode, method, route, tenant, subject: { action, by: principal, ...subject } });
  return receipt as unknown as Json;
}
