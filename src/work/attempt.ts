/** Why an attempt failed, and what follows from it. Any other error means: again after a pause. */
export class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed';
  /** The pause that the other side asked for, in milliseconds. */
  readonly retryAfterMs: number;
  /** No further attempt can succeed. */
  readonly final: boolean;

  constructor(message: string, { retryAfterMs = 0, final = false } = {}) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.final = final;
  }
}
