// From a host name to addresses that a connection may be made to. What this answers is what is dialled: nothing resolves the name again.

import { lookup as dnsLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { reachOf } from './address.ts';
import { badConfiguration, CallFailure } from './failure.ts';

export interface Address {
  address: string;
  family: 4 | 6;
}

/** Names to addresses; rejects when the name does not exist. */
export type Resolver = (hostname: string) => Promise<Address[]>;

export interface EgressOptions {
  /** Loopback and private ranges may be called. Link-local and metadata addresses never. */
  allowPrivate: boolean;
  /** Default: the operating system's. */
  resolver?: Resolver;
}

export interface Egress {
  /** The addresses of a host that may be called. Rejects with a `CallFailure`: BadConfiguration (refused) or ServiceUnavailable (no such name). */
  resolve(hostname: string): Promise<Address[]>;
  /** Why an address may not be called, or undefined. For hosts written as an address, which no lookup is made for. */
  refusal(address: string): CallFailure | undefined;
  /** `resolve` in the form that `net.connect` takes. */
  lookup: LookupFunction;
}

/** Makes the gate that every connection of a caller goes through. */
export function createEgress({ allowPrivate, resolver = systemResolver }: EgressOptions): Egress {
  const refusal = (address: string): CallFailure | undefined => {
    const reach = reachOf(address);
    if (reach === 'public' || (reach === 'private' && allowPrivate)) return undefined;
    return badConfiguration(refusedMessage(reach));
  };

  const resolve = async (hostname: string): Promise<Address[]> => {
    const family = isIP(hostname);
    if (family !== 0) {
      const refused = refusal(hostname);
      if (refused) throw refused;
      return [{ address: hostname, family: family === 4 ? 4 : 6 }];
    }
    const found = await findAddresses(hostname, resolver);
    const allowed = found.filter(({ address }) => refusal(address) === undefined);
    const first = found[0];
    if (allowed.length === 0 && first) throw refusal(first.address) ?? badConfiguration(refusedMessage('refused'));
    return allowed;
  };

  const lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const wanted =
          options.family === 4 || options.family === 6 ? addresses.filter(({ family }) => family === options.family) : addresses;
        const first = wanted[0];
        if (!first) callback(new CallFailure('Maestro.ServiceUnavailable', 'its host has no address of the wanted family'), '', 4);
        else if (options.all) callback(null, wanted);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), '', 4),
    );
  };

  return { resolve, refusal, lookup };
}

async function findAddresses(hostname: string, resolver: Resolver): Promise<Address[]> {
  let found: Address[];
  try {
    found = await resolver(hostname);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'unknown';
    throw new CallFailure(
      'Maestro.ServiceUnavailable',
      `its host could not be resolved (${code}): check the service's endpoint; nothing was sent`,
      {
        cause,
      },
    );
  }
  if (found.length > 0) return found;
  throw new CallFailure('Maestro.ServiceUnavailable', "its host has no address: check the service's endpoint; nothing was sent");
}

/** The host is not named: it may be a secret. */
function refusedMessage(reach: 'private' | 'refused'): string {
  return reach === 'private'
    ? 'its host is a private or loopback address, which this deployment does not call: allow private networks in its settings, or use a public endpoint'
    : "its host is a link-local, metadata or reserved address, which is never called: use the service's own endpoint";
}

const systemResolver: Resolver = (hostname) =>
  new Promise((resolve, reject) => {
    dnsLookup(hostname, { all: true, verbatim: true }, (error, found) => {
      if (error) reject(error);
      else resolve(found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })));
    });
  });
