// What the local Step Functions endpoint has not: versions and aliases, and refusals for the rate. A server before it that takes these and hands
// the rest on. An execution that is started by an alias has the ARN of the unqualified machine (recorded on AWS).

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '../../shared/json.ts';

export interface SfnFront {
  url: string;
  /** Operations and bodies, in order. */
  asked: { operation: string; body: JsonObject }[];
  /** How many of the next requests of an operation are refused, and by which name. */
  refuse: Map<string, { name: string; times: number }>;
  /** Aliases by ARN, with the version that they name. */
  aliases: Map<string, string>;
  close(): Promise<void>;
}

const QUALIFIED = /^(arn:[^:]+:states:[^:]*:[^:]*:stateMachine:[^:]+):(.+)$/;

/** @param endpoint URL of the local endpoint */
export async function startSfnFront(endpoint: string): Promise<SfnFront> {
  const versions = new Map<string, number>();
  const front: Pick<SfnFront, 'asked' | 'refuse' | 'aliases'> = { asked: [], refuse: new Map(), aliases: new Map() };
  const server = createServer(async (request, response) => {
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString()) as JsonObject;
    const operation = String(request.headers['x-amz-target']).replace('AWSStepFunctions.', '');
    front.asked.push({ operation, body });
    const send = (status: number, answer: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
    };
    const refused = front.refuse.get(operation);
    if (refused && refused.times > 0) {
      refused.times--;
      return send(400, { __type: refused.name, message: 'Rate exceeded' });
    }
    const own = answerTo(operation, body);
    if (own) return send(own.status, own.answer);
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: { 'x-amz-target': `AWSStepFunctions.${operation}`, 'content-type': 'application/x-amz-json-1.0' },
      body: JSON.stringify(body),
    });
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(await answer.text());
  });

  /** Undefined: the endpoint's to answer; `body` is then as it takes it. */
  function answerTo(operation: string, body: JsonObject): { status: number; answer: unknown } | undefined {
    const now = 1_790_000_000;
    if (operation === 'PublishStateMachineVersion') {
      const machine = String(body['stateMachineArn']);
      versions.set(machine, (versions.get(machine) ?? 0) + 1);
      return { status: 200, answer: { creationDate: now, stateMachineVersionArn: `${machine}:${versions.get(machine)}` } };
    }
    const routed = (body['routingConfiguration'] as JsonObject[] | undefined)?.[0];
    const version = String(routed?.['stateMachineVersionArn']);
    if (operation === 'CreateStateMachineAlias') {
      const arn = `${QUALIFIED.exec(version)?.[1]}:${String(body['name'])}`;
      if (front.aliases.has(arn) && front.aliases.get(arn) !== version)
        return { status: 400, answer: { __type: 'ConflictException', message: 'an alias with the same name exists' } };
      front.aliases.set(arn, version);
      return { status: 200, answer: { creationDate: now, stateMachineAliasArn: arn } };
    }
    if (operation === 'UpdateStateMachineAlias') {
      front.aliases.set(String(body['stateMachineAliasArn']), version);
      return { status: 200, answer: { updateDate: now } };
    }
    const arn = body['stateMachineArn'];
    if (operation === 'StartExecution' && typeof arn === 'string' && QUALIFIED.test(arn)) {
      if (!front.aliases.has(arn)) return { status: 400, answer: { __type: 'StateMachineDoesNotExist', message: 'no such alias' } };
      body['stateMachineArn'] = QUALIFIED.exec(arn)?.[1] ?? arn;
    }
    return undefined;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...front,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
