// Connections to gRPC services: up to `pool` channels per target, the least busy one next. They outlive a call.
//
//   H1. A channel is handed out connected. So a failure to connect is told apart from a failure of the call: nothing was sent.
//   H2. What is dialled are addresses that the egress gate allowed; the name is the authority and the name that the certificate is for.
//   H3. A channel that failed is not used again, so that the next call looks the name up afresh.

import { createSecureContext } from 'node:tls';
import { type ChannelOptions, Client, connectivityState, credentials } from '@grpc/grpc-js';
import type { Clock } from '../../clock.ts';
import type { Address, Egress } from '../egress.ts';
import { CallFailure } from '../failure.ts';
import type { GrpcTarget } from './target.ts';

/** Channels per target where the service does not say. */
const DEFAULT_CHANNELS = 5;
/** Messages in either direction, bytes. */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** A connection is made within this time or the service counts as unavailable, ms. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Pings while a call waits, ms. Servers may cut a client off that pings more often than they allow, and five minutes is what they allow unless
 * told otherwise (grpc: doc/keepalive.md, "GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS").
 */
const KEEPALIVE_MS = 300_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** A channel unused for this long is replaced, ms: NAT gateways drop connections after 350 s, and a frozen function does not notice. */
const IDLE_MS = 240_000;
/** Targets kept; endpoints made from data could otherwise open any number. */
const MAX_TARGETS = 256;

interface ChannelLease {
  client: Client;
  /** To be called once, when the call has ended. `broken`: the channel is not used again. */
  release(broken: boolean): void;
}

export interface GrpcChannels {
  /**
   * A connected channel.
   * @throws {CallFailure} ServiceUnavailable or ServiceTimeout (nothing was sent), or BadConfiguration from the egress gate.
   */
  use(target: GrpcTarget, options: UseOptions): Promise<ChannelLease>;
  close(): void;
}

interface UseOptions {
  tls: boolean;
  size: number | undefined;
  /** ms that the call has left. */
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

interface Channel {
  client: Promise<Client>;
  inFlight: number;
  lastUsedMs: number;
  retired: boolean;
}

export function createGrpcChannels(clock: Clock, egress: Egress): GrpcChannels {
  const groups = new Map<string, Channel[]>();

  const groupOf = (key: string): Channel[] => {
    const group = groups.get(key) ?? [];
    if (groups.has(key)) return group;
    groups.set(key, group);
    for (const [oldKey, old] of groups) {
      if (groups.size <= MAX_TARGETS) break;
      if (old === group || old.some(({ inFlight }) => inFlight > 0)) continue;
      groups.delete(oldKey);
      for (const channel of old) retire(channel, old);
    }
    return group;
  };

  return {
    async use(target, { tls, size = DEFAULT_CHANNELS, timeoutMs, signal }) {
      const deadlineMs = clock.now() + timeoutMs;
      const group = groupOf(`${target.origin} ${tls} ${size}`);
      for (const channel of [...group]) if (channel.inFlight === 0 && clock.now() - channel.lastUsedMs > IDLE_MS) retire(channel, group);
      const channel = leastBusy(group, size) ?? open(group, () => connect(target, tls, egress, clock));
      channel.inFlight++;
      const release = (broken: boolean): void => {
        channel.inFlight--;
        channel.lastUsedMs = clock.now();
        if (broken || channel.retired) retire(channel, group);
      };
      try {
        const client = await stoppable(channel.client, deadlineMs - clock.now(), clock, signal);
        const readiness = await stoppable(ready(client, deadlineMs, clock), deadlineMs - clock.now(), clock, signal);
        if (readiness !== 'ready') throw noConnection(readiness);
        return { client, release };
      } catch (error) {
        release(true);
        throw error;
      }
    },
    close() {
      const all = [...groups.values()];
      groups.clear();
      for (const group of all) for (const channel of [...group]) retire(channel, group, true);
    },
  };

  function open(group: Channel[], make: () => Promise<Client>): Channel {
    const channel: Channel = { client: make(), inFlight: 0, lastUsedMs: clock.now(), retired: false };
    // Awaited by every call that uses it; this keeps a failure that nobody waits for any more from ending the process.
    channel.client.catch(() => undefined);
    group.push(channel);
    return channel;
  }
}

/** The channel with the fewest calls, or undefined when another one is to be opened. */
function leastBusy(group: readonly Channel[], size: number): Channel | undefined {
  let best: Channel | undefined;
  for (const channel of group) if (!best || channel.inFlight < best.inFlight) best = channel;
  return best && best.inFlight > 0 && group.length < size ? undefined : best;
}

/** Takes a channel out; it is closed when its last call has ended, or now. */
function retire(channel: Channel, group: Channel[], now = false): void {
  channel.retired = true;
  const at = group.indexOf(channel);
  if (at >= 0) group.splice(at, 1);
  if (channel.inFlight > 0 && !now) return;
  channel.client.then(
    (client) => client.close(),
    () => undefined,
  );
}

/** Dials the allowed addresses, IPv6 and IPv4 in the order in which the name gave them. */
async function connect(target: GrpcTarget, tls: boolean, egress: Egress, clock: Clock): Promise<Client> {
  const addresses = await egress.resolve(target.hostname);
  const dials = dialStrings(addresses, target.port);
  for (const dial of dials) {
    const client = new Client(
      dial,
      tls ? credentials.createFromSecureContext(createSecureContext()) : credentials.createInsecure(),
      channelOptions(target, tls),
    );
    const readiness = await ready(client, clock.now() + CONNECT_TIMEOUT_MS, clock);
    if (readiness === 'ready') return client;
    client.close();
  }
  throw noConnection('failed');
}

function dialStrings(addresses: readonly Address[], port: string): string[] {
  const families = [...new Set(addresses.map(({ family }) => family))];
  return families.map((wanted) => {
    const list = addresses.filter(({ family }) => family === wanted);
    return wanted === 6
      ? `ipv6:${list.map(({ address }) => `[${address}]:${port}`).join(',')}`
      : `ipv4:${list.map(({ address }) => `${address}:${port}`).join(',')}`;
  });
}

function channelOptions({ hostname, port }: GrpcTarget, tls: boolean): ChannelOptions {
  return {
    'grpc.default_authority': hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`,
    ...(tls ? { 'grpc.ssl_target_name_override': hostname } : {}),
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // Without it all channels of a pool would share one connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  };
}

type Readiness = 'ready' | 'failed' | 'time' | 'abort';

/** Waits until the channel is connected, or until it is plain that it cannot be. */
function ready(client: Client, deadlineMs: number, clock: Clock): Promise<Readiness> {
  const channel = client.getChannel();
  if (channel.getConnectivityState(true) === connectivityState.READY) return Promise.resolve('ready');
  return new Promise((resolve) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) resolve('ready');
      else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) resolve('failed');
      else if (clock.now() >= deadlineMs) resolve('time');
      else channel.watchConnectivityState(state, new Date(deadlineMs), (error) => (error ? resolve('time') : look()));
    };
    look();
  });
}

/** The same promise, ended early by the call's time or its signal. */
function stoppable<T>(promise: Promise<T>, leftMs: number, clock: Clock, signal: AbortSignal | undefined): Promise<T> {
  if (signal?.aborted) return Promise.reject(noConnection('abort'));
  return new Promise((resolve, reject) => {
    const onAbort = (): void => end(() => reject(noConnection('abort')));
    const timer = clock.setTimer(leftMs, () => end(() => reject(noConnection('time'))));
    const end = (settle: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

/** Marks a call that its signal stopped before a connection was there; the caller gives it its name. */
export class StoppedBeforeSending extends Error {}

function noConnection(why: Exclude<Readiness, 'ready'>): Error {
  if (why === 'abort') return new StoppedBeforeSending('stopped');
  if (why === 'time') return new CallFailure('Maestro.ServiceTimeout', 'no connection within the timeout; nothing was sent');
  return new CallFailure(
    'Maestro.ServiceUnavailable',
    'no connection could be made (refused, unreachable, or its certificate is not trusted); nothing was sent',
  );
}
