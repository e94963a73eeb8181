// Terminal colours. The caller says whether they may be used; without them the text is plain.

function sgr(open: number, close: number): (text: string, color: boolean) => string {
  return (text, color) => (color ? `\u001b[${open}m${text}\u001b[${close}m` : text);
}

export const bold = sgr(1, 22);
export const dim = sgr(2, 22);
export const red = sgr(31, 39);
export const green = sgr(32, 39);
export const yellow = sgr(33, 39);
export const cyan = sgr(36, 39);
