import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startChild } from '../../bench/child-process.ts';
import { http } from './demo-client.ts';

const MAIN = new URL('../../examples/services/main.ts', import.meta.url).pathname;

test('the demo services run as a process, say where they are, and end when asked', async () => {
  const child = startChild(process.execPath, [MAIN], { env: { MAESTRO_DEMO_HTTP_PORT: '0', MAESTRO_DEMO_GRPC_PORT: '0' } });
  if (child.process.stdout === null) throw new Error('no output');
  const [chunk] = await once(child.process.stdout, 'data');
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(chunk))?.[0] ?? 'none';

  const answer = await http(url, 'POST /mail/messages', { to: 'a@example.com', subject: 'hello' });
  await child.stop();

  expect(answer).toEqual({ status: 200, body: { message_id: 'mail-1' } });
  expect(child.process.exitCode).toBe(0);
});

test('a port that is none is wrong usage', async () => {
  const child = startChild(process.execPath, [MAIN], { env: { MAESTRO_DEMO_HTTP_PORT: 'http' }, err: 'ignore' });
  const [code] = await once(child.process, 'exit');

  expect(code).toBe(2);
});
