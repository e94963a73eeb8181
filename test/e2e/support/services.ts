// The services that the workflows of this suite call: they do what a test tells them, and write down what they were asked.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** A request of a workflow. Every body has the test's own `tag`, so that tests do not see each other's. */
export interface Asked {
  tag: string;
  /** The last part of the path: the step, or `undo-` and the step. */
  step: string;
  key: string;
  body: { [name: string]: unknown };
  callbackUrl: string | null;
}

export interface Reply {
  status: number;
  body?: unknown;
}

/** Decides a request; undefined: 200 with `{step}`. */
export type Script = (asked: Asked) => Reply | undefined | Promise<Reply | undefined>;

export interface Services {
  /** Where workflows find it. */
  url: string;
  /** What a tag's runs asked, in order. */
  asked(tag: string): Asked[];
  /** Steps that were asked for, in order. */
  steps(tag: string): string[];
  script(tag: string, script: Script): void;
  /** Resolves when a request for this step has come. */
  arrived(tag: string, step: string): Promise<Asked>;
  close(): Promise<void>;
}

/**
 * Starts the services.
 * @param port 0: a free one
 * @param publicUrl where they are reached from outside; default: on loopback
 */
export async function startServices(port = 0, publicUrl?: string): Promise<Services> {
  const log: Asked[] = [];
  const scripts = new Map<string, Script>();
  const waiting = new Set<() => void>();

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse((await text(request)) || '{}') as Asked['body'];
    const tag = String(body['tag']);
    const asked: Asked = {
      tag,
      step: (request.url ?? '').split('/').at(-1) ?? '',
      key: String(request.headers['idempotency-key']),
      body,
      callbackUrl: request.headers['x-maestro-callback-url']?.toString() ?? null,
    };
    log.push(asked);
    for (const look of [...waiting]) look();
    const reply = (await scripts.get(tag)?.(asked)) ?? { status: 200, body: { step: asked.step } };
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(JSON.stringify(reply.body ?? {}));
  }

  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  const taken = typeof address === 'object' && address ? address.port : port;
  return {
    url: publicUrl ?? `http://127.0.0.1:${taken}`,
    asked: (tag) => log.filter((asked) => asked.tag === tag),
    steps: (tag) => log.filter((asked) => asked.tag === tag).map(({ step }) => step),
    script: (tag, script) => void scripts.set(tag, script),
    arrived: (tag, step) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = log.find((asked) => asked.tag === tag && asked.step === step);
          if (!found) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
