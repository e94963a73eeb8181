// Answers and bodies that several routes share.

import * as z from 'zod';
import { envelopeSchema, noBodySchema } from '../../../shared/contract/index.ts';
import type { JsonBody } from '../../http/index.ts';

/** A body that may be left out and says nothing. */
export const NOTHING = { kind: 'json', schema: noBodySchema, empty: {} } as const satisfies JsonBody;

export const ENVELOPE = { description: 'The envelope.', schema: envelopeSchema } as const;

/** What later versions answer is not promised yet. */
const LATER = { description: 'Not in this version: answered with 501.', schema: z.unknown() } as const;

/** A route of the API that this version knows and does not serve. */
export const NOT_YET = { answers: { 200: LATER }, refusals: ['not_implemented'] } as const;
