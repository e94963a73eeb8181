// The app of `cdk synth` and `cdk deploy`. It needs no argument. `-c workflows=DIR`: another folder of workflows. `-c maxStreams=0`: for accounts that let
// nobody reserve concurrency. `-c allowDeploy=true`: the API may deploy workflows.

import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { MaestroStack } from './maestro-stack.ts';

const app = new App();
const given: unknown = app.node.tryGetContext('workflows');
const streams: unknown = app.node.tryGetContext('maxStreams');

new MaestroStack(app, 'Maestro', {
  workflows: typeof given === 'string' ? given : join(import.meta.dirname, '..', 'examples', 'workflows'),
  ...(streams === undefined ? {} : { maxStreams: Number(streams) }),
  allowDeploy: app.node.tryGetContext('allowDeploy') === 'true',
});
