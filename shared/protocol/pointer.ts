// Paths inside a value, as JSON Pointers (RFC 6901): one text for a path, so that a list of paths is a list of texts.

/** `['a', 'b/c', 0]` → `/a/b~1c/0`. */
export function toPointer(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The inverse; numbers come back as text. */
export function fromPointer(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
