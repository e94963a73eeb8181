// The service that all contestants call, in a process of its own: no delay, no framework, no more than it needs.
// Prints `{"port": n}` when it listens.

import { createServer } from 'node:http';

const OK = '{"ok":true}';
const REFUSED = '{"error":"refused"}';
const HEADERS = { 'content-type': 'application/json', 'content-length': OK.length };
const REFUSED_HEADERS = { 'content-type': 'application/json', 'content-length': REFUSED.length };

const counts = { ok: 0, refused: 0 };

const server = createServer((request, response) => {
  if (request.url === '/counts') {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(counts));
    return;
  }
  const refuse = request.url === '/refuse';
  request.on('end', () => {
    if (refuse) {
      counts.refused += 1;
      response.writeHead(422, REFUSED_HEADERS).end(REFUSED);
    } else {
      counts.ok += 1;
      response.writeHead(200, HEADERS).end(OK);
    }
  });
  request.resume();
});

// Connections are kept for as long as the callers like: none is opened while it is measured.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the mock service has no port');
  console.log(JSON.stringify({ port: address.port }));
});
process.once('SIGTERM', () => process.exit(0));
