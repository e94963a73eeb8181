import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One JSON document a line, each with everything that is needed to do by hand what was given up. */
const FILE = 'dead-letters.jsonl';

/**
 * Keeps what was given up, beside the records: an undo that left something, or a run that could not be started. On disk when it resolves.
 * In memory there is nothing to keep it in; of an undo the run's report has the names.
 */
export async function keepDeadLetter(dataFolder: string | null, letter: object): Promise<void> {
  if (dataFolder !== null) await appendFile(join(dataFolder, FILE), `${JSON.stringify(letter)}\n`, { mode: 0o600, flush: true });
}
