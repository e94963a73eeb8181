import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { brief, closeAll, http, json, listen, newCaller, onClose, portOf, request } from './support.ts';

afterEach(closeAll);

/** A server that counts its connections. */
async function counting(host = '127.0.0.1'): Promise<{ port: number; connections: () => number; drop: () => void }> {
  let connections = 0;
  const server = createServer({ keepAliveTimeout: 60_000 }, (_, response) => json(response, null));
  server.on('connection', () => connections++);
  if (host === '127.0.0.1')
    return { port: await listen(server), connections: () => connections, drop: () => server.closeIdleConnections() };
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, host, resolve));
  onClose(() => new Promise((resolve) => server.close(() => resolve())));
  return { port: portOf(server), connections: () => connections, drop: () => server.closeIdleConnections() };
}

describe('connections to a service', () => {
  it('are used again by the next call', async () => {
    const { port, connections } = await counting();
    const caller = newCaller();

    for (let call = 0; call < 5; call++) await caller.call(request(http(port, { pool: 1 })));

    expect(connections()).toBe(1);
  });

  it('are not used again after an idle time that a frozen process would not have noticed', async () => {
    const { port, connections } = await counting();
    let asleepMs = 0;
    const caller = newCaller({}, { clock: { ...systemClock, now: () => systemClock.now() + asleepMs } });

    await caller.call(request(http(port, { pool: 1 })));
    asleepMs = 60_000;
    await caller.call(request(http(port, { pool: 1 })));

    expect(connections()).toBe(2);
  });

  it('are kept apart by origin, and shared by services of the same one', async () => {
    const { port, connections } = await counting();
    const caller = newCaller();

    await caller.call(request(http(port, { name: 'a', pool: 1 })));
    await caller.call(request(http(port, { name: 'b', pool: 1, endpoint: [`http://127.0.0.1:${port}/other/path`] })));
    expect(connections()).toBe(1);
    await caller.call(request(http(port, { pool: 1, endpoint: [`http://localhost:${port}`] })));
    expect(connections()).toBe(2);
  });

  it('are all ended by close, also those with calls on them', async () => {
    const server = createServer(() => undefined);
    const port = await listen(server);
    const caller = newCaller();
    const arrived = new Promise<void>((resolve) => server.on('request', () => resolve()));
    const call = caller.call(request(http(port, { pool: 1 })));
    await arrived;

    await caller.close();

    expect(brief(await call)).toEqual({ outcome: 'unknown', error: 'Maestro.ServiceUnavailable' });
  });

  it('go to IPv6 addresses too', async () => {
    const { port } = await counting('::1');

    expect(brief(await newCaller().call(request(http(port, { endpoint: [`http://[::1]:${port}`] }))))).toEqual({
      outcome: 'done',
      value: null,
    });
  });
});
