// Everybody who can take part, by the name used on the command line.

import type { ContestantFactory } from '../contestant.ts';
import { bare } from './bare.ts';
import { maestro } from './maestro.ts';
import { restate } from './restate.ts';

export const CONTESTANTS: { [name: string]: ContestantFactory } = {
  maestro: maestro('power'),
  'maestro-process': maestro('process'),
  restate,
  bare,
};
