import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeadLetter } from '../../shared/runs/index.ts';

/** One JSON document a line, each with everything that is needed to undo by hand. */
const FILE = 'dead-letters.jsonl';

/** Keeps what an undo could not do, beside the records. In memory there is nothing to keep it in; the run's report has the names. */
export async function keepDeadLetter(dataFolder: string | null, letter: DeadLetter): Promise<void> {
  if (dataFolder !== null) await appendFile(join(dataFolder, FILE), `${JSON.stringify(letter)}\n`, { mode: 0o600 });
}
