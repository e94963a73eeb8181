import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceConfig } from '../../shared/protocol/step-message.ts';
import { addMethods, startGrpc } from '../support/grpc-servers.ts';
import { brief, closeAll, http, json, listen, newCaller, onClose, request } from './support.ts';

const read = (name: string): Buffer => readFileSync(new URL(`../fixtures/calls/tls/${name}`, import.meta.url));
const key = read('test-only.key.pem');
const cert = read('test-only.cert.pem');
const usual = getCACertificates('default');

const loopback = async () => [{ address: '127.0.0.1', family: 4 as const }];
const notPerformed = { outcome: 'not_performed', error: 'Maestro.ServiceUnavailable' };

beforeEach(() => setDefaultCACertificates([...usual, cert.toString()]));
afterEach(async () => {
  await closeAll();
  setDefaultCACertificates(usual);
});

describe('HTTPS', () => {
  const server = (): Promise<number> => listen(createServer({ key, cert }, (incoming, response) => json(response, incoming.headers.host)));

  it('calls a service whose certificate is for its name', async () => {
    const port = await server();

    const outcome = await newCaller({}, { resolver: loopback }).call(request(http(port, { endpoint: [`https://payments.test:${port}`] })));

    expect(brief(outcome)).toEqual({ outcome: 'done', value: `payments.test:${port}` });
  });

  it('sends nothing to one whose certificate is for another name, or is not trusted', async () => {
    const port = await server();
    const caller = newCaller({}, { resolver: loopback });

    expect(brief(await caller.call(request(http(port, { endpoint: [`https://other.test:${port}`] }))))).toEqual(notPerformed);
    setDefaultCACertificates(usual);
    expect(brief(await caller.call(request(http(port, { endpoint: [`https://payments.test:${port}`] }))))).toEqual(notPerformed);
  });
});

describe('gRPC with TLS', () => {
  const server = async (peers: string[] = []): Promise<number> => {
    const grpc = new Server();
    addMethods(grpc, {
      '/maestro.v1.MaestroService/Execute': (call, callback) => {
        peers.push(call.getHost());
        callback(null, Buffer.from([0x08, 0x01]));
      },
    });
    const port = await startGrpc(grpc, ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]));
    onClose(async () => grpc.forceShutdown());
    return port;
  };
  const service = (host: string, port: number): ServiceConfig => ({
    name: 'payments',
    type: 'grpc',
    endpoint: [`${host}:${port}`],
    tls: true,
  });

  it('dials the address that was checked, with the name as authority', async () => {
    const hosts: string[] = [];
    const port = await server(hosts);

    const outcome = await newCaller({}, { resolver: loopback }).call(request(service('payments.test', port), { method: ['Charge'] }));

    expect(brief(outcome)).toEqual({ outcome: 'done', value: null });
    expect(hosts).toEqual([`payments.test:${port}`]);
  });

  it('sends nothing where the certificate is for another name, or is not trusted', async () => {
    const port = await server();
    const caller = newCaller({}, { resolver: loopback });

    expect(brief(await caller.call(request(service('other.test', port), { method: ['Charge'] })))).toEqual(notPerformed);
    setDefaultCACertificates(usual);
    expect(brief(await caller.call(request(service('payments.test', port), { method: ['Charge'] })))).toEqual(notPerformed);
  });
});
