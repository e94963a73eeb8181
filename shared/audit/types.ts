// The audit chain as others see it.

import type { AuditView, Receipt } from '../contract/index.ts';
import type { JsonObject } from '../json.ts';

/** Signs receipts and heads. The key is not where the receipts are. */
export interface AuditKey {
  /** HMAC-SHA-256 of the text, hex. */
  sign(text: string): Promise<string>;
}

export interface NewReceipt {
  requestId: string;
  authMode: Receipt['auth_mode'];
  method: string;
  route: string;
  tenant: string;
  /** What was done, to what, by whom: ids and words, never payloads. */
  subject: JsonObject;
}

/** What a walk along the chains found. */
export type AuditVerdict = NonNullable<AuditView['verdict']>;

export interface Audit {
  /** Appends a receipt to its tenant's chain. Retries where another was quicker. */
  append(receipt: NewReceipt): Promise<Receipt>;
  /** A page of a tenant's receipts, chain after chain. @throws ApiError invalid (cursor) */
  list(tenant: string, options: { limit?: number; cursor?: string }): Promise<Pick<AuditView, 'data' | 'heads' | 'cursor'>>;
  /** Walks every chain of a tenant: alterations, gaps, swaps, and ends cut off up to the last signed head. */
  verify(tenant: string): Promise<AuditVerdict>;
  /** Signs a head for each chain that has grown since its last one. Answers how many. */
  signHeads(): Promise<number>;
}
