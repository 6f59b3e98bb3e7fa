import { Unavailable } from './errors.ts';

/** Gives up waiting, not the work itself. @throws {Unavailable} or what `late` makes, when the time is over */
export async function within<T>(
  milliseconds: number,
  promise: Promise<T>,
  late: () => Error = () => new Unavailable('no answer in time'),
): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(late()), milliseconds);
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
