// IP addresses as event-ruler reads them: decimal IPv4, hexadecimal IPv6 without a dotted end; an IPv4-mapped address is its IPv4 address.

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;
const IPV6 = /^[0-9a-f:]*:[0-9a-f:]*$/i;

export interface AddressRange {
  /** The first bytes of every address of the range, of 4 or of 16. */
  bytes: number[];
  /** How many of the first bits count. */
  bits: number;
}

/** The 4 or 16 bytes of an address; null where the text is none. */
export function parseAddress(text: string): number[] | null {
  if (IPV4.test(text)) {
    const bytes = text.split('.').map(Number);
    return bytes.every((byte) => byte <= 255) ? bytes : null;
  }
  return IPV6.test(text) ? parseIpv6(text) : null;
}

/**
 * Reads `10.0.0.0/24` or `2001:db8::/32`.
 * @returns the range, or what is wrong with it
 */
export function parseCidr(text: string): AddressRange | string {
  const [address = '', mask, ...more] = text.split('/');
  if (mask === undefined || more.length > 0) return 'it is no address and mask joined by one "/"';
  const bytes = parseAddress(address);
  if (bytes === null) return 'what stands before the "/" is no IP address';
  const most = bytes.length * 8 - 1;
  if (!/^\d{1,3}$/.test(mask) || Number(mask) > most) return `the mask is no whole number from 0 to ${most}`;
  return { bytes, bits: Number(mask) };
}

/** True for an address of the range; false for other texts. */
export function isInRange(range: AddressRange, text: string): boolean {
  const address = parseAddress(text);
  if (address === null || address.length !== range.bytes.length) return false;
  return range.bytes.every((byte, index) => {
    const counting = Math.min(8, Math.max(0, range.bits - index * 8));
    return byte >> (8 - counting) === (address[index] ?? 0) >> (8 - counting);
  });
}

function parseIpv6(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const bytes = groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}
