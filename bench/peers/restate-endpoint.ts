// The three shapes as Restate handlers, served in a process of their own, as one would in production.
// Each step is one `ctx.run` around one POST. Prints `{"port": n}` when it listens.

import { createServer } from 'node:http2';
import { type Context, createEndpointHandler, RestatePromise, service, TerminalError } from '@restatedev/restate-sdk';
import { mockClient } from './mock-client.ts';

const client = mockClient(process.env['MOCK_URL'] ?? '');

const shapes = service({
  name: 'bench',
  handlers: {
    async sequence(ctx: Context): Promise<void> {
      for (let step = 1; step <= 5; step++) await post(ctx, `/call/${step}`);
    },
    async parallel(ctx: Context): Promise<void> {
      await RestatePromise.all([1, 2, 3, 4].map((step) => post(ctx, `/call/${step}`)));
      await post(ctx, '/call/5');
    },
    async saga(ctx: Context): Promise<void> {
      const undos: string[] = [];
      try {
        for (let step = 1; step <= 3; step++) {
          undos.push(`/undo/${step}`);
          await post(ctx, `/call/${step}`);
        }
        await post(ctx, '/refuse');
      } catch (error) {
        if (!(error instanceof TerminalError)) throw error;
        for (const undo of undos.reverse()) await post(ctx, undo);
        throw error;
      }
    },
  },
});

function post(ctx: Context, path: string): RestatePromise<unknown> {
  return ctx.run(path, async () => {
    const { status, value } = await client.post(path);
    if (status === 422) throw new TerminalError('refused', { errorCode: 422 });
    if (status !== 200) throw new Error(`${path} answered ${status}`);
    return value;
  });
}

const server = createServer(createEndpointHandler({ services: [shapes], logger: () => {} }));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the endpoint has no port');
  console.log(JSON.stringify({ port: address.port }));
});
process.once('SIGTERM', () => process.exit(0));
