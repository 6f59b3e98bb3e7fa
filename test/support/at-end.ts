import { afterAll, beforeAll } from '@jest/globals';

let hasBegun = false;
const openedByTests = new AsyncDisposableStack();
beforeAll(() => {
  hasBegun = true;
});
afterAll(() => openedByTests.disposeAsync());

/** Has this done when the test file ends, for a file and its tests alike: Jest takes no hook any more once the first one has begun. */
export function atEnd(close: () => unknown): void {
  const closing = async () => void (await close());
  if (hasBegun) openedByTests.defer(closing);
  else afterAll(closing);
}
