/** Why an attempt failed, and what follows from it. Any other error means: again after a pause. */
export class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed';
  /** The pause that the other side asked for, in milliseconds. */
  readonly retryAfterMs: number;
  /** No further attempt can succeed. */
  readonly final: boolean;

  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number; final?: boolean } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.final = options.final ?? false;
  }
}
