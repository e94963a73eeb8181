// The public door of the audit chain.

export { type AuditOptions, createAudit } from './audit.ts';
export { hmacKey } from './hmac-key.ts';
export type { Audit, AuditKey, AuditVerdict, NewReceipt } from './types.ts';
