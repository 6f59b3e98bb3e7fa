import type { Claim, Queue } from './queue.ts';

export type Prepare<Subject> = (subject: Subject, signal: AbortSignal) => Promise<Subject>;

/** A kind of work: where it is owed, and how it is done. */
export interface Work<Row extends Claim, Subject> {
  readonly queue: Queue;
  /** What attempts at these rows are about, in their order. Read for a whole claim at once. */
  readonly load: (rows: readonly Row[]) => Promise<readonly Subject[]>;
  /** The checkout session whose trace an attempt belongs to. */
  readonly sessionOf: (subject: Subject) => string;
  /**
   * What can be done for an attempt before it has its place. It resolves with the subject as the attempt will find it.
   * When it throws, an attempt that waits for it, or begins within a second, fails by that error; one that begins later
   * reads its subject anew.
   */
  readonly prepare?: Prepare<Subject>;
  /** One attempt. It throws to be tried again, and stops early when the signal says so. */
  readonly perform: (subject: Subject, signal: AbortSignal) => Promise<void>;
}
