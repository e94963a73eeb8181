// The public door of the API keys.

export { createKeys, type KeysOptions } from './keys.ts';
export type { KeyCheck, Keys, NewKeyRequest } from './types.ts';
