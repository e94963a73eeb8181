import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createEnvironment } from '../../shared/calls/index.ts';
import { systemClock } from '../../shared/clock.ts';
import { type CassetteCall, cassetteText, recordingCaller } from '../../shared/observe/index.ts';
import { bodyOf, closeAll, http, httpServer, json, listen, newCaller, request } from './support.ts';

afterEach(closeAll);

describe('names on one machine', () => {
  it('come from the environment, then from the .env file', () => {
    const environment = createEnvironment({
      kind: 'local',
      variables: { A: 'process' },
      dotenv: '# keys\nA=file\nB="two words"\nexport C=3\nEMPTY=\n',
    });

    expect([environment.env('A'), environment.env('B'), environment.env('C'), environment.secret('B'), environment.env('EMPTY')]).toEqual([
      'process',
      'two words',
      '3',
      'two words',
      '',
    ]);
    expect(environment.env('NOPE')).toBeUndefined();
  });

  it('never are what the platform put there', () => {
    const variables = { AWS_SECRET_ACCESS_KEY: 'x', LAMBDA_TASK_ROOT: 'x', aws_session_token: 'x' };
    const environment = createEnvironment({ kind: 'local', variables, dotenv: 'AWS_REGION=x' });

    for (const name of [...Object.keys(variables), 'AWS_REGION']) {
      expect(environment.env(name)).toBeUndefined();
      expect(environment.secret(name)).toBeUndefined();
    }
  });

  it('are own variables only', () => {
    const environment = createEnvironment({ kind: 'local', variables: {}, dotenv: '' });

    expect([environment.env('constructor'), environment.env('__proto__'), environment.secret('toString')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('names on AWS', () => {
  /** Both services in one: answers by target header and name. */
  async function awsStub(values: { secrets?: Record<string, string>; parameters?: Record<string, string>; error?: string }) {
    const asked: string[] = [];
    const server = createServer(async (incoming, response) => {
      const body: { SecretId?: string; Name?: string; WithDecryption?: boolean } = JSON.parse(await bodyOf(incoming));
      const name = body.SecretId ?? body.Name ?? '';
      const isSsm = String(incoming.headers['x-amz-target']).startsWith('AmazonSSM');
      asked.push(`${isSsm ? 'ssm' : 'secrets'} ${name}`);
      const value = (isSsm ? values.parameters : values.secrets)?.[name];
      if (values.error) return json(response, { __type: values.error, message: 'no' }, 400);
      if (value === undefined)
        return json(response, { __type: isSsm ? 'ParameterNotFound' : 'ResourceNotFoundException', message: 'none' }, 400);
      json(
        response,
        isSsm ? { Parameter: { Name: name, Value: value, WithDecryption: body.WithDecryption } } : { Name: name, SecretString: value },
      );
    });
    const endpoint = `http://127.0.0.1:${await listen(server)}`;
    return { asked, endpoint };
  }
  const options = (endpoint: string, variables: Record<string, string> = {}) =>
    ({
      kind: 'aws',
      variables,
      stack: 'Shop',
      region: 'eu-central-1',
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      endpoints: { secretsManager: endpoint, ssm: endpoint },
      clock: systemClock,
    }) as const;

  it('reads env.NAME only from what was given on purpose', () => {
    const environment = createEnvironment(
      options('http://127.0.0.1:1', { MAESTRO_ENV_REGION: 'north', REGION: 'south', MAESTRO_ENV_AWS_KEY: 'x' }),
    );

    expect([environment.env('REGION'), environment.env('AWS_KEY'), environment.env('HOME')]).toEqual(['north', undefined, undefined]);
  });

  it('reads secret.NAME below the stack, from Secrets Manager, then from SSM', async () => {
    const { asked, endpoint } = await awsStub({ secrets: { '/maestro/Shop/API_KEY': 'k-1' }, parameters: { '/maestro/Shop/DB': 'k-2' } });
    const environment = createEnvironment(options(endpoint));

    expect(await environment.secret('API_KEY')).toBe('k-1');
    expect(await environment.secret('DB')).toBe('k-2');
    expect(await environment.secret('NONE')).toBeUndefined();
    expect(await environment.secret('../Other/KEY')).toBeUndefined();
    expect(asked).toEqual([
      'secrets /maestro/Shop/API_KEY',
      'secrets /maestro/Shop/DB',
      'ssm /maestro/Shop/DB',
      'secrets /maestro/Shop/NONE',
      'ssm /maestro/Shop/NONE',
    ]);
  });

  it('keeps a value for five minutes, asks once for many calls, and forgets what was missing', async () => {
    const secrets: Record<string, string> = { '/maestro/Shop/API_KEY': 'k-1' };
    const { asked, endpoint } = await awsStub({ secrets });
    let nowMs = 0;
    const environment = createEnvironment({ ...options(endpoint), clock: { ...systemClock, now: () => nowMs } });

    expect(await Promise.all([1, 2, 3].map(async () => environment.secret('API_KEY')))).toEqual(['k-1', 'k-1', 'k-1']);
    secrets['/maestro/Shop/API_KEY'] = 'k-2';
    nowMs = 299_000;
    expect(await environment.secret('API_KEY')).toBe('k-1');
    nowMs = 300_001;
    expect(await environment.secret('API_KEY')).toBe('k-2');
    expect(await environment.secret('LATE')).toBeUndefined();
    secrets['/maestro/Shop/LATE'] = 'now';
    expect(await environment.secret('LATE')).toBe('now');
    expect(asked.filter((line) => line.endsWith('API_KEY'))).toHaveLength(2);
  });

  it.each([
    ['AccessDeniedException', 'Maestro.BadConfiguration'],
    ['InternalServiceError', 'Maestro.ServiceUnavailable'],
  ])('ends a call as not performed on %s, and names the secret', async (error, name) => {
    const { endpoint } = await awsStub({ error });
    const caller = newCaller({}, { environment: createEnvironment(options(endpoint)) });

    const outcome = await caller.call(request(http(1, { headers: [{ name: 'Authorization', value: [{ secret: 'API_KEY' }] }] })));

    expect(outcome).toMatchObject({ outcome: 'not_performed', error: name, message: expect.stringContaining('secret.API_KEY') });
  });
});

describe('a secret', () => {
  const CANARY = 'canary/7f3b"9d+e1';

  it('is sent, and stands in no outcome, message, origin or cassette, also when the service answers it', async () => {
    const sent: string[] = [];
    const port = await httpServer(async (incoming, response) => {
      sent.push(incoming.headers['authorization'] ?? '');
      const echo = {
        headers: incoming.headers,
        url: incoming.url,
        basic: Buffer.from(CANARY).toString('base64'),
        [CANARY]: encodeURIComponent(CANARY),
      };
      if (incoming.url?.startsWith('/ok')) return json(response, echo);
      if (incoming.url?.startsWith('/text')) return response.end(`you sent ${CANARY}`);
      if (incoming.url?.startsWith('/cut')) return response.writeHead(200, { 'content-type': 'application/json' }).end(`{"${CANARY}`);
      return response.writeHead(500, { 'x-request-id': CANARY }).end(`${'x'.repeat(1010)}${CANARY}`);
    });
    const calls: CassetteCall[] = [];
    const caller = recordingCaller(newCaller({ TOKEN: CANARY }), (call) => calls.push(call));
    const service = http(port, {
      endpoint: [`http://127.0.0.1:${port}`],
      headers: [{ name: 'Authorization', value: ['Bearer ', { secret: 'TOKEN' }] }],
    });

    const seen: unknown[] = [caller.origin({ service: { ...service, endpoint: ['http://', { secret: 'TOKEN' }] } })];
    for (const path of ['/ok', '/text', '/cut', '/fail']) seen.push(await caller.call(request(service, { method: [path], input: {} })));
    seen.push(await caller.call(request({ ...service, endpoint: [{ secret: 'TOKEN' }] })));
    seen.push(await caller.call(request({ ...service, endpoint: ['http://', { secret: 'TOKEN' }, '.invalid/'] })));
    seen.push(await caller.call(request({ ...service, headers: [{ name: 'X-A', value: [{ secret: 'TOKEN' }, '\n'] }] })));
    seen.push(await caller.call(request({ name: 'g', type: 'grpc', endpoint: [{ secret: 'TOKEN' }] }, { method: ['Do'] })));

    expect(sent).toEqual(Array(4).fill(`Bearer ${CANARY}`));
    const everything = JSON.stringify(seen) + cassetteText(calls);
    for (const form of [
      CANARY,
      JSON.stringify(CANARY).slice(1, -1),
      encodeURIComponent(CANARY),
      Buffer.from(CANARY).toString('base64'),
      'canary',
    ]) {
      expect(everything).not.toContain(form);
    }
    expect(everything).toContain('[secret.TOKEN]');
  });

  it('does not change an answer in which its digits are a number', async () => {
    const port = await httpServer((_, response) => json(response, { id: 12345678, text: '12345678' }));
    const service = http(port, { headers: [{ name: 'X-Pin', value: [{ secret: 'PIN' }] }] });

    const outcome = await newCaller({ PIN: '12345678' }).call(request(service));

    expect(outcome).toMatchObject({ outcome: 'done', value: { id: 12345678, text: '[secret.PIN]' } });
  });
});
