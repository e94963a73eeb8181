// What the suite runs against: a deployed service, or a `maestro dev` that it starts.
//
// MAESTRO_E2E_URL and MAESTRO_E2E_KEY (a key with the scopes run, read and admin) name a deployed one. Its workflows are those that
// `node test/e2e/write-workflows.ts FOLDER SERVICES_URL` writes; SERVICES_URL has to lead, from there, to port MAESTRO_E2E_SERVICES_PORT
// (default 9099) of this machine.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Envelope, Maestro } from '../../../sdk/index.ts';
import { type DevProcess, startDev } from './dev-process.ts';
import { type Services, startServices } from './services.ts';
import { workflowFiles } from './workflows.ts';

const URL_GIVEN = process.env['MAESTRO_E2E_URL'];
const KEY_GIVEN = process.env['MAESTRO_E2E_KEY'];
const SERVICES_PORT = Number(process.env['MAESTRO_E2E_SERVICES_PORT'] ?? 9_099);

export interface Target {
  url: string;
  apiKey: string;
  maestro: Maestro;
  services: Services;
  /** The process, where the suite started one. */
  dev: DevProcess | null;
  /** A request as it goes over the wire, with the key unless the headers say otherwise. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export async function openTarget(): Promise<Target> {
  if (URL_GIVEN !== undefined) {
    const services = await startServices(SERVICES_PORT);
    return targetOf(URL_GIVEN.replace(/\/$/, ''), KEY_GIVEN ?? '', services, null, () => services.close());
  }
  const services = await startServices();
  const folder = mkdtempSync(join(tmpdir(), 'maestro-e2e-'));
  for (const [name, text] of Object.entries(workflowFiles(services.url))) writeFileSync(join(folder, name), text);
  const dev = await startDev({ folder });
  return targetOf(dev.url, dev.apiKey, services, dev, async () => {
    await dev.stop();
    await services.close();
    rmSync(folder, { recursive: true, force: true });
  });
}

function targetOf(url: string, apiKey: string, services: Services, dev: DevProcess | null, close: () => Promise<void>): Target {
  return {
    url,
    apiKey,
    maestro: new Maestro({ baseUrl: url, apiKey }),
    services,
    dev,
    fetch: (path, init = {}) => fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${apiKey}`, ...init.headers } }),
    close,
  };
}

/** A tag of its own for a test: no other test's requests have it, nor those of an earlier run of the suite. */
export function newTag(): string {
  return `t${process.hrtime.bigint().toString(36)}`;
}

/** Resolves with the run when it has ended: told by its events, not by asking again and again. */
export async function ended({ maestro }: Target, id: string): Promise<Envelope> {
  for await (const event of maestro.orchestrate.stream(id)) if (event.envelope) return event.envelope;
  return maestro.orchestrate.get(id);
}

/** Resolves with the run when it waits at a checkpoint. */
export async function atCheckpoint({ maestro }: Target, id: string): Promise<Envelope> {
  for await (const event of maestro.orchestrate.stream(id)) if (event.type === 'checkpoint.waiting') break;
  return maestro.orchestrate.get(id);
}
