/** How long, in the unit that a person would say. */
export function ageOf(seconds: number): string {
  const [size, unit] = UNITS.find(([size]) => Math.abs(seconds) >= 2 * size) ?? [1, 's'];
  return `${Math.floor(Math.abs(seconds) / size)} ${unit}`;
}

/** Two of a unit at least, so that `119 min` is not called an hour. */
const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
] as const;
