// All demo operations.

import type { Operation } from '../operation.ts';
import { accountOperations } from './accounts.ts';
import { bureauOperations } from './bureaus.ts';
import { cloudOperations } from './cloud.ts';
import { mediaOperations } from './media.ts';
import { orderOperations } from './orders.ts';
import { salesOperations } from './sales.ts';

export const allOperations: readonly Operation[] = [
  ...bureauOperations,
  ...mediaOperations,
  ...cloudOperations,
  ...salesOperations,
  ...orderOperations,
  ...accountOperations,
];
