/**
 * A line as a terminal may be given it: what would move the cursor, change the terminal or turn the direction of writing is shown as U+FFFD.
 * @param text one line: line breaks are shown so too
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\u{fffd}');
}
