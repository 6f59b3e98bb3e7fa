/** The middle one; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1], sorted[middle]] as [number, number];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** Four digits at most: no measurement here is better than that. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Of each key, the median over all rounds. */
export function medians<Key extends string>(
  rounds: readonly Readonly<Record<Key, number>>[],
  keys: readonly Key[],
): Record<Key, number> {
  const entries = keys.map((key) => [key, rounded(median(rounds.map((round) => round[key])))] as const);
  return Object.fromEntries(entries) as Record<Key, number>;
}

/** The value that `share` (0 to 1) of all values reach at most. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
}

/** How much y rises for one of x, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (axis: 0 | 1) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const rise = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return rise / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
