// Runs the demo services until Ctrl-C: `node examples/services/main.ts`.
// `MAESTRO_DEMO_HTTP_PORT` and `MAESTRO_DEMO_GRPC_PORT` choose other ports.

import { DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT, startDemoServices } from './index.ts';

const services = await startDemoServices({
  httpPort: portFrom('MAESTRO_DEMO_HTTP_PORT', DEFAULT_HTTP_PORT),
  grpcPort: portFrom('MAESTRO_DEMO_GRPC_PORT', DEFAULT_GRPC_PORT),
  log: ({ seq, transport, operation, step, outcome }) => console.log(`${seq}  ${transport}  ${operation}  ${step ?? '-'}  ${outcome}`),
});
console.log(`HTTP services on ${services.url}, gRPC services on ${services.grpcAddress}; control: POST ${services.url}/_control`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void services.close().then(() => process.exit(0));
  });
}

function portFrom(name: string, otherwise: number): number {
  const given = process.env[name];
  if (given === undefined || given === '') return otherwise;
  const port = Number(given);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  console.error(`${name}: found "${given}", expected a port number; unset it or give one from 0 to 65535`);
  process.exit(2);
}
