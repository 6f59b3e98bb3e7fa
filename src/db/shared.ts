import { isStatementError } from './errors.ts';
import { groupCommit } from './group-commit.ts';

/**
 * One statement for what many attempts write, or read, side by side; each waits for its own result. How many may wait is not
 * bounded here, since the number of attempts is.
 */
export function shared<Item, Result>(
  commit: (batch: readonly Item[]) => Promise<readonly Result[]>,
  keyOf: (item: Item) => string,
  isolates: (error: unknown) => boolean = isStatementError,
): (item: Item) => Promise<Result> {
  const unbounded = { sizeOf: () => 0, maxWaitingSize: 0, maxWaitMs: Number.POSITIVE_INFINITY };
  return groupCommit({
    commit,
    keyOf,
    isolates,
    maxBatch: 100,
    lateAfterMs: 1_000,
    ...unbounded,
  });
}
