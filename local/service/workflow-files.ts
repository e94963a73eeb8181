// Workflows that were deployed by the API, as files of the data folder: they are there after a restart.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';

const SUFFIX = '.yaml';

export interface WorkflowFiles {
  /** Texts by name. */
  read(): Map<string, string>;
  /** On disk when it resolves. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): void;
}

/** @param folder null: nothing is kept */
export function workflowFiles(folder: string | null): WorkflowFiles {
  if (folder === null) return { read: () => new Map(), write: async () => {}, remove: () => {} };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return {
    read() {
      const names = readdirSync(folder).filter((file) => file.endsWith(SUFFIX));
      return new Map(names.map((file) => [file.slice(0, -SUFFIX.length), readFileSync(join(folder, file), 'utf8')]));
    },
    async write(name, text) {
      // Replaced whole: a file that was written half way would be missing at the next start.
      const temporary = join(folder, `${name}.new`);
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(folder, `${name}${SUFFIX}`));
    },
    remove: (name) => rmSync(join(folder, `${name}${SUFFIX}`), { force: true }),
  };
}
