// Where receipts and heads stand in the store, and what is signed of them.
//
//   R1. A receipt is signed whole: every field but its hash, in the order of their names. A field more or less is another text.
//   R2. A receipt names its tenant, chain and number, and the hash before it: at any other place it is out of order.

import { hash } from 'node:crypto';
import type { AuditHead, Receipt } from '../contract/index.ts';
import { canonicalJson } from '../fingerprint.ts';
import type { JsonObject } from '../json.ts';
import type { Item, Key } from '../store/index.ts';
import type { AuditKey } from './types.ts';

/** Chains of a tenant: so that those who append at the same moment seldom meet. */
export const CHAINS = 16;

/** Digits of a receipt's number: more than one tenant's chain will ever have. */
const SEQ_DIGITS = 12;

/** What stands before a chain's first receipt. */
export const GENESIS = '';

const SK = new RegExp(`^\\d{${SEQ_DIGITS}}$`);

export function chainOf(requestId: string): number {
  return Number.parseInt(hash('sha256', requestId).slice(0, 8), 16) % CHAINS;
}

export function chainPartition(tenant: string, chain: number): string {
  return `AUDIT#${tenant}#${chain}`;
}

export function receiptKey(tenant: string, chain: number, seq: number): Key {
  return { pk: chainPartition(tenant, chain), sk: receiptSk(seq) };
}

export function receiptSk(seq: number): string {
  return String(seq).padStart(SEQ_DIGITS, '0');
}

/** The number that a receipt's place says; undefined for a place that is none. */
export function seqOf({ sk }: Item): number | undefined {
  return SK.test(sk) ? Number(sk) : undefined;
}

/** The last signed head of each chain. */
export function headsPartition(tenant: string): string {
  return `AUDIT_HEADS#${tenant}`;
}

export function headKey(tenant: string, chain: number): Key {
  return { pk: headsPartition(tenant), sk: String(chain).padStart(2, '0') };
}

/** Tenants that have a chain. */
export const TENANTS = 'AUDIT_TENANTS';

/** The hash of a receipt, whatever it says its hash is (R1). */
export function signReceipt(key: AuditKey, { hash: _hash, ...signed }: JsonObject): Promise<string> {
  return key.sign(canonicalJson(signed));
}

/** The signature of a head. */
export function signHead(key: AuditKey, tenant: string, { chain, seq, hash, created_at }: Omit<AuditHead, 'signature'>): Promise<string> {
  return key.sign(canonicalJson({ object: 'audit_head', tenant, chain, seq, hash, created_at }));
}

/** A receipt as it is in the store. Our own writes are believed for showing them; whether they are our own, `verify` says. */
export function asReceipt(body: JsonObject): Receipt {
  return body as unknown as Receipt;
}
