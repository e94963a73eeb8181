// The app of `cdk synth` and `cdk deploy`. It needs no argument. `-c workflows=DIR`: another folder of workflows. `-c maxStreams=0`: for accounts that let
// nobody reserve concurrency. `-c allowDeploy=true`: the API may deploy workflows.

import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { MaestroStack } from './maestro-stack.ts';

const app = new App();
const workflows: unknown = app.node.tryGetContext('workflows');
const maxStreams: unknown = app.node.tryGetContext('maxStreams');
const allowDeploy: unknown = app.node.tryGetContext('allowDeploy') ?? 'false';

if (maxStreams !== undefined && !/^\d+$/.test(String(maxStreams))) refuse('maxStreams', maxStreams, 'a whole number, such as 0');
if (!['true', 'false'].includes(String(allowDeploy))) refuse('allowDeploy', allowDeploy, 'true or false');

new MaestroStack(app, 'Maestro', {
  workflows: typeof workflows === 'string' ? workflows : join(import.meta.dirname, '..', 'examples', 'workflows'),
  ...(maxStreams === undefined ? {} : { maxStreams: Number(maxStreams) }),
  allowDeploy: String(allowDeploy) === 'true',
});

function refuse(name: string, found: unknown, expected: string): never {
  console.error(`-c ${name}: found ${JSON.stringify(found)}, expected ${expected}. Nothing was synthesised.`);
  process.exit(1);
}
