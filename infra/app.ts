// The app of `cdk synth` and `cdk deploy`. It needs no argument; `-c workflows=DIR` names another folder of workflows.

import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { MaestroStack } from './maestro-stack.ts';

const app = new App();
const given: unknown = app.node.tryGetContext('workflows');
const streams: unknown = app.node.tryGetContext('maxStreams');

new MaestroStack(app, 'Maestro', {
  workflows: typeof given === 'string' ? given : join(import.meta.dirname, '..', 'examples', 'workflows'),
  ...(streams === undefined ? {} : { maxStreams: Number(streams) }),
});
