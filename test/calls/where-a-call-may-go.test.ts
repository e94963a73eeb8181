import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { reachOf } from '../../shared/calls/index.ts';
import type { Part } from '../../shared/protocol/step-message.ts';
import { brief, closeAll, http, httpServer, json, newCaller, request } from './support.ts';

afterEach(closeAll);

describe('where an address leads', () => {
  it.each([
    '169.254.169.254',
    '169.254.170.2',
    '0.0.0.0',
    '0.1.2.3',
    '255.255.255.255',
    '224.0.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'ff02::1',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::ffff:0:a9fe:a9fe',
    '::a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:1:2:3:4:5601:5601',
    'not an address',
  ])('refuses %s always', (address) => {
    expect(reachOf(address)).toBe('refused');
  });

  it.each([
    '127.0.0.1',
    '127.255.0.3',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '198.19.0.1',
    '::1',
    'fc00::1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    'fec0::1',
  ])('has %s as private', (address) => {
    expect(reachOf(address)).toBe('private');
  });

  it.each([
    '1.1.1.1',
    '172.32.0.1',
    '100.128.0.1',
    '169.253.255.255',
    '192.0.1.1',
    '2606:4700::1111',
    '64:ff9b::101:101',
    '2002:101:101::1',
  ])('has %s as public', (address) => {
    expect(reachOf(address)).toBe('public');
  });

  it('judges an IPv4 address alike in every spelling inside IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const bytes = address.split('.').map(Number);
        const groups = [0, 2].map((at) => ((bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)).toString(16)).join(':');
        for (const spelling of [
          `::ffff:${address}`,
          `::ffff:${groups}`,
          `64:ff9b::${address}`,
          `0:0:0:0:0:FFFF:${groups}`,
          `2002:${groups}::`,
        ]) {
          expect(reachOf(spelling)).toBe(reachOf(address));
        }
      }),
      { seed: 1 },
    );
  });
});

describe('the gate that every connection goes through', () => {
  const endpoints = [
    'http://169.254.169.254/latest/meta-data',
    'http://2852039166/',
    'http://0xa9fea9fe/',
    'http://0251.0376.0251.0376/',
    'http://169.254.43518/',
    'http://[::ffff:169.254.169.254]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://0.0.0.0/',
    'http://0/',
    'http://[::]/',
    'http://１６９.254.169.254/',
  ];

  it.each(endpoints)('never calls %s, whatever the setting', async (endpoint) => {
    const outcome = await newCaller().call(request(http(1, { endpoint: [endpoint] }), { verb: 'GET', method: ['/'] }));

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
  });

  it.each(['2852039166:80', '0xa9fea9fe:80', '[::ffff:169.254.169.254]:80', '0.0.0.0:50051', '[fe80::1]:50051'])(
    'never calls %s over gRPC',
    async (endpoint) => {
      const outcome = await newCaller().call(request({ name: 'meta', type: 'grpc', endpoint: [endpoint] }, { method: ['Read'] }));

      expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
    },
  );

  it.each<[type: 'http' | 'grpc', endpoint: (port: number) => string]>([
    ['http', (port) => `http://127.0.0.1:${port}`],
    ['http', (port) => `http://2130706433:${port}`],
    ['http', (port) => `http://[::1]:${port}`],
    ['http', (port) => `http://localhost:${port}`],
    ['http', () => 'http://10.0.0.1'],
    ['grpc', (port) => `localhost:${port}`],
    ['grpc', (port) => `0x7f.1:${port}`],
  ])('calls no private address over %s without the setting (%s)', async (type, endpoint) => {
    let hits = 0;
    const port = await httpServer((_, response) => {
      hits++;
      json(response, null);
    });
    const caller = newCaller({}, { egress: { allowPrivate: false } });

    const outcome = await caller.call(
      request({ name: 'own', type, endpoint: [endpoint(port)] }, { method: [type === 'http' ? '/' : 'Read'] }),
    );

    expect(brief(outcome)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
    expect(hits).toBe(0);
  });

  it('connects to the address that was checked: a name that changes afterwards leads nowhere else', async () => {
    const seen: string[] = [];
    const port = await httpServer((incoming, response) => {
      seen.push(incoming.headers.host ?? '');
      json(response, null);
    });
    const answers = ['127.0.0.1', '169.254.169.254'];
    let asked = 0;
    const resolver = async () => [{ address: answers[asked++] ?? '169.254.169.254', family: 4 as const }];
    const caller = newCaller({}, { resolver });
    const service = http(port, { endpoint: [`http://rebind.example:${port}`] });

    const outcome = await caller.call(request(service));

    expect(brief(outcome)).toEqual({ outcome: 'done', value: null });
    expect(asked).toBe(1);
    expect(seen).toEqual([`rebind.example:${port}`]);
  });

  it('takes of several addresses those that may be called', async () => {
    const port = await httpServer((_, response) => json(response, 'here'));
    const addresses =
      (...list: string[]) =>
      async () =>
        list.map((address) => ({ address, family: 4 as const }));
    const service = http(port, { endpoint: [`http://both.example:${port}`] });

    const some = await newCaller({}, { resolver: addresses('169.254.169.254', '127.0.0.1') }).call(request(service));
    const none = await newCaller({}, { resolver: addresses('169.254.169.254', '0.0.0.0') }).call(request(service));

    expect(brief(some)).toEqual({ outcome: 'done', value: 'here' });
    expect(brief(none)).toEqual({ outcome: 'not_performed', error: 'Maestro.BadConfiguration' });
  });
});

describe('an endpoint from data', () => {
  const call = async (endpoint: (port: number) => Part[], allowHosts?: string[]): Promise<unknown> => {
    const port = await httpServer((incoming, response) => json(response, incoming.url));
    const service = http(port, { endpoint: endpoint(port), ...(allowHosts ? { allowHosts } : {}) });
    return brief(await newCaller({ HOST: '127.0.0.1' }).call(request(service, { method: ['/x'] })));
  };
  const refused = { outcome: 'not_performed', error: 'Maestro.BadConfiguration' };

  it('may fill the path, and nothing else', async () => {
    expect(await call((port) => [`http://127.0.0.1:${port}/t/`, { v: 'a b' }])).toEqual({ outcome: 'done', value: '/t/a%20b/x' });
    expect(await call((port) => [`http://127.0.0.1:${port}/`, { v: '../b' }])).toEqual(refused);
    expect(await call((port) => [`http://127.0.0.1:${port}/`, { v: '@evil.example/' }])).toEqual({
      outcome: 'done',
      value: '/%40evil.example/x',
    });
  });

  it('may name a host only where allow_hosts has it', async () => {
    const withHost = (host: string) => (port: number) => ['http://', { v: host }, `:${port}`];

    expect(await call(withHost('127.0.0.1'))).toEqual(refused);
    expect(await call(withHost('127.0.0.1'), ['example.com'])).toEqual(refused);
    expect(await call(withHost('127.0.0.1'), ['127.0.0.1'])).toEqual({ outcome: 'done', value: '/x' });
    expect(await call(withHost('LOCALHOST'), ['*.example.com', 'localhost'])).toEqual({ outcome: 'done', value: '/x' });
    expect(await call((port) => [`http://127.0.0.1`, { v: `:${port}` }])).toEqual(refused);
  });

  it.each([
    'evil.example/127.0.0.1',
    'evil.example#127.0.0.1',
    '127.0.0.1@evil.example',
    'evil.example\\@127.0.0.1',
    'x127.0.0.1',
    '127.0.0.1.evil.example',
  ])('is not talked into another host by %s', async (value) => {
    expect(await call(() => ['http://', { v: value }], ['127.0.0.1'])).toEqual(refused);
  });

  it('may come whole from the environment', async () => {
    expect(await call((port) => ['http://', { env: 'HOST' }, `:${port}`])).toEqual({ outcome: 'done', value: '/x' });
  });

  it('refuses user and password, and anything but http', async () => {
    for (const endpoint of ['http://user:pw@127.0.0.1/', 'ftp://127.0.0.1/', 'file:///etc/passwd', '127.0.0.1:80', 'http://', '']) {
      expect(await call(() => [endpoint])).toEqual(refused);
    }
  });
});

describe('the origin that breakers are kept by', () => {
  const origin = (type: 'http' | 'grpc' | 'lambda', endpoint: Part[], allowHosts?: string[]): string =>
    newCaller({ HOST: 'api.example.com', TOKEN: 'canary-5f2a' }).origin({
      service: { name: 's', type, endpoint, ...(allowHosts ? { allowHosts } : {}) },
    });

  it('is scheme, host and port, always written', () => {
    expect(origin('http', ['https://API.example.com/v1'])).toBe('https://api.example.com:443');
    expect(origin('http', ['http://api.example.com:8080/v1'])).toBe('http://api.example.com:8080');
    expect(origin('http', ['https://', { env: 'HOST' }, '/v1'])).toBe('https://api.example.com:443');
    expect(origin('grpc', ['Payments.internal:50051'])).toBe('grpc://payments.internal:50051');
    expect(origin('lambda', ['reserve-stock'])).toBe('lambda:reserve-stock');
    expect(origin('lambda', ['arn:aws:lambda:eu-central-1:123456789012:function:stock:live'])).toBe(
      'lambda:arn:aws:lambda:eu-central-1:123456789012:function:stock:live',
    );
  });

  it('shows no secret: one after the host is left out, one in the host stands as its name', () => {
    expect(origin('http', ['https://hooks.example.com/', { secret: 'TOKEN' }])).toBe('https://hooks.example.com:443');
    expect(origin('http', ['https://', { secret: 'TOKEN' }, '.example.com/'])).toBe('https://{secret.TOKEN}.example.com/');
    expect(origin('grpc', [{ secret: 'TOKEN' }])).toBe('grpc://{secret.TOKEN}');
    expect(origin('lambda', [{ secret: 'TOKEN' }])).toBe('lambda:{secret.TOKEN}');
  });

  it('throws BadConfiguration where there is none', () => {
    const bad = expect.objectContaining({ error: 'Maestro.BadConfiguration' });
    expect(() => origin('http', ['nowhere'])).toThrow(bad);
    expect(() => origin('grpc', ['payments'])).toThrow(bad);
    expect(() => origin('lambda', ['no such name!'])).toThrow(bad);
    expect(() => origin('http', ['https://', { v: 'evil.example' }])).toThrow(bad);
    expect(() => origin('http', [{ env: 'MISSING' }])).toThrow(bad);
  });
});
