// Writes the workflows of the suite into a folder, to be deployed: node test/e2e/write-workflows.ts FOLDER SERVICES_URL

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { workflowFiles } from './support/workflows.ts';

const [folder, servicesUrl] = process.argv.slice(2);
if (folder === undefined || servicesUrl === undefined) throw new Error('usage: node test/e2e/write-workflows.ts FOLDER SERVICES_URL');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(workflowFiles(servicesUrl))) writeFileSync(join(folder, name), text);
