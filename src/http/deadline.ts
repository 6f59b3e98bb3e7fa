import { Unavailable } from '../errors.ts';

/** Gives up waiting, not the work itself. @throws {Unavailable} */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Unavailable('no answer in time')), milliseconds);
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
