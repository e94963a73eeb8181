// Parameter Store, Secrets Manager and EventBridge, as much of them as is used, over their wire protocol (AWS JSON 1.1).

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json, JsonObject } from '../../shared/json.ts';

export interface JsonServices {
  url: string;
  /** Parameters by their whole name. */
  parameters: Map<string, string>;
  /** Texts of secrets by ARN. */
  secrets: Map<string, string>;
  /** Entries that were put. */
  events: JsonObject[];
  /** What the next PutEvents answers in place of success. */
  nextPutEvents: JsonObject | undefined;
  /** Operations that were asked for, in order: `AmazonSSM.GetParametersByPath`. */
  asked: string[];
  close(): Promise<void>;
}

type Refusal = { refused: string };

export async function startJsonServices(): Promise<JsonServices> {
  const services: JsonServices = {
    url: '',
    parameters: new Map(),
    secrets: new Map(),
    events: [],
    nextPutEvents: undefined,
    asked: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server: Server = createServer(async (request, response) => {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as JsonObject;
    const target = String(request.headers['x-amz-target']);
    services.asked.push(target);
    const answer = answerTo(services, target, body);
    const refused = typeof answer === 'object' && answer !== null && 'refused' in answer ? String(answer['refused']) : undefined;
    response.writeHead(refused === undefined ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(refused === undefined ? answer : { __type: refused, message: 'refused' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  services.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return services;
}

function answerTo(services: JsonServices, target: string, body: JsonObject): JsonObject | Refusal {
  switch (target) {
    case 'AmazonSSM.GetParametersByPath':
      return parametersByPath(services, body);
    case 'AmazonSSM.GetParameter':
      return { refused: 'ParameterNotFound' };
    case 'secretsmanager.GetSecretValue': {
      const text = services.secrets.get(String(body['SecretId']));
      return text === undefined ? { refused: 'ResourceNotFoundException' } : { ARN: body['SecretId'] ?? '', SecretString: text };
    }
    case 'AWSEvents.PutEvents':
      return putEvents(services, body);
    default:
      return { refused: 'UnknownOperationException' };
  }
}

/** Pages of two, so that paging is used. */
function parametersByPath({ parameters }: JsonServices, body: JsonObject): JsonObject {
  const path = String(body['Path']);
  const all = [...parameters].filter(([name]) => name.startsWith(`${path}/`) && !name.slice(path.length + 1).includes('/'));
  const from = Number(body['NextToken'] ?? 0);
  const page = all.slice(from, from + 2);
  return {
    Parameters: page.map(([Name, Value]) => ({ Name, Value, Type: 'String', Version: 1 })),
    ...(from + 2 < all.length ? { NextToken: String(from + 2) } : {}),
  };
}

function putEvents(services: JsonServices, body: JsonObject): JsonObject {
  const prepared = services.nextPutEvents;
  services.nextPutEvents = undefined;
  if (prepared) return prepared;
  const entries = (body['Entries'] as Json[]).map((entry) => entry as JsonObject);
  services.events.push(...entries);
  return {
    FailedEntryCount: 0,
    Entries: entries.map((_, index) => ({ EventId: `event-${services.events.length - entries.length + index}` })),
  };
}
