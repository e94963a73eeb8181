/** Everything that a list holds, page after page. @param page asked for with the cursor of the page before; `{}` for the first */
export async function* pagesOf<T>(
  page: (cursor: { cursor?: string }) => Promise<{ data: T[]; cursor: string | null }>,
): AsyncGenerator<T, void> {
  let next: { cursor?: string } = {};
  for (;;) {
    const { data, cursor } = await page(next);
    yield* data;
    if (cursor === null) return;
    next = { cursor };
  }
}
