import { jest } from '@jest/globals';

type Faked = 'performance' | 'setInterval' | 'clearInterval';

const all = [
  'Date',
  'hrtime',
  'nextTick',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'clearImmediate',
  'setInterval',
  'clearInterval',
  'setTimeout',
  'clearTimeout',
] as const;

/** From here to `jest.useRealTimers`, this much of the process's clock is the test's: the database and all else keep real time. */
export function fakeClock(...faked: Faked[]): void {
  jest.useFakeTimers({ doNotFake: all.filter((name) => !faked.includes(name as Faked)) });
}

export function tick(seconds: number): void {
  jest.advanceTimersByTime(seconds * 1_000);
}
