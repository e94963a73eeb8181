// Which network an address belongs to. The rule of "where a call may go" is decided on the address, never on the name, because a
// name can be pointed anywhere between the check and the connection.
//
// Ranges: IANA special-purpose address registries (RFC 6890 and updates), and the metadata services of AWS, Google Cloud, Azure and Alibaba.

import { isIPv4, isIPv6 } from 'node:net';

/** `refused`: link-local, metadata, unspecified, multicast or reserved: never. `private`: loopback and private ranges: by setting. */
export type Reach = 'public' | 'private' | 'refused';

type V4Range = readonly [base: string, prefixBits: number, reach: Reach];

/** The first that holds decides. */
const V4_RANGES: readonly V4Range[] = [
  ['0.0.0.0', 8, 'refused'],
  ['169.254.0.0', 16, 'refused'],
  ['100.100.100.200', 32, 'refused'],
  ['168.63.129.16', 32, 'refused'],
  ['224.0.0.0', 4, 'refused'],
  ['240.0.0.0', 4, 'refused'],
  ['127.0.0.0', 8, 'private'],
  ['10.0.0.0', 8, 'private'],
  ['172.16.0.0', 12, 'private'],
  ['192.168.0.0', 16, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['192.0.0.0', 24, 'private'],
  ['198.18.0.0', 15, 'private'],
];

/** Prefixes in 16-bit groups. `fd00:ec2::/32` and `fd20:ce::/32` are the IPv6 metadata services of AWS and Google Cloud. */
const V6_RANGES: readonly (readonly [groups: readonly number[], prefixBits: number, reach: Reach])[] = [
  [[0xfd00, 0x0ec2], 32, 'refused'],
  [[0xfd20, 0x00ce], 32, 'refused'],
  [[0xfe80], 10, 'refused'],
  [[0xff00], 8, 'refused'],
  [[0x0100], 64, 'refused'],
  [[0xfec0], 10, 'private'],
  [[0xfc00], 7, 'private'],
];

/** Prefixes after which an IPv4 address stands, with the group it begins at: such an address leads where the IPv4 one leads. */
const V4_INSIDE_V6: readonly (readonly [groups: readonly number[], prefixBits: number, at: number, inverted?: true])[] = [
  [[0, 0, 0, 0, 0, 0xffff], 96, 6],
  [[0, 0, 0, 0, 0xffff, 0], 96, 6],
  [[0x0064, 0xff9b, 0, 0, 0, 0], 96, 6],
  [[0x0064, 0xff9b, 0x0001], 48, 6],
  [[0x2002], 16, 1],
  // Teredo: the client's address is stored with its bits turned over.
  [[0x2001, 0x0000], 32, 6, true],
  [[0, 0, 0, 0, 0, 0], 96, 6],
];

/**
 * Where an address leads.
 * @param address An IPv4 or IPv6 address in the form that `dns.lookup` gives; a zone (`%eth0`) is ignored. Anything else is `refused`.
 */
export function reachOf(address: string): Reach {
  if (isIPv4(address)) return reachOfV4(v4Number(address));
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  return isIPv6(bare) ? reachOfV6(v6Groups(bare)) : 'refused';
}

function reachOfV4(address: number): Reach {
  for (const [base, bits, reach] of V4_RANGES) {
    const size = 2 ** (32 - bits);
    if (Math.floor(address / size) === Math.floor(v4Number(base) / size)) return reach;
  }
  return 'public';
}

function reachOfV6(groups: readonly number[]): Reach {
  if (groups.every((group) => group === 0)) return 'refused';
  if (groups.slice(0, 7).every((group) => group === 0) && groups[7] === 1) return 'private';
  for (const [prefix, bits, at, inverted] of V4_INSIDE_V6) {
    if (!hasPrefix(groups, prefix, bits)) continue;
    const number = (groups[at] ?? 0) * 0x10000 + (groups[at + 1] ?? 0);
    return reachOfV4(inverted ? 0xffffffff - number : number);
  }
  for (const [prefix, bits, reach] of V6_RANGES) if (hasPrefix(groups, prefix, bits)) return reach;
  return 'public';
}

function hasPrefix(groups: readonly number[], prefix: readonly number[], bits: number): boolean {
  for (let group = 0; group * 16 < bits; group++) {
    const shift = Math.max(0, 16 - (bits - group * 16));
    if ((groups[group] ?? 0) >> shift !== (prefix[group] ?? 0) >> shift) return false;
  }
  return true;
}

function v4Number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The eight groups of a valid IPv6 address, `::` and a dotted IPv4 tail written out. */
function v6Groups(address: string): number[] {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  let text = address;
  if (dotted?.[1] !== undefined && dotted[2] !== undefined) {
    const tail = v4Number(dotted[2]);
    text = `${dotted[1]}${Math.floor(tail / 0x10000).toString(16)}:${(tail % 0x10000).toString(16)}`;
  }
  const [head = '', rest] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = rest === undefined ? [] : Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
}
