import { inspect } from 'node:util';

/** Errors are classed by what their receiver must do. */

/** The sender's fault: the same request will fail again. Its message goes out over HTTP, so nothing internal may stand in it. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Nobody is at fault: try again later. What came too late may be kept all the same. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** Configuration, a data directory or a program on this machine is not as it must be: a person must act. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** For a promise's catch: an error of this kind becomes its value, any other goes on. */
export function only<Kind extends Error>(kind: new (...args: never[]) => Kind): (error: unknown) => Kind {
  return (error) => {
    if (error instanceof kind) return error;
    throw error;
  };
}

/**
 * What an error says, in a line.
 * - Node's error of a connection that was refused twice over has a code alone.
 * - The stripe package's say what the answer said, text or not, and not whose words they are: on an order's time line,
 *   "An unknown error occurred" and "Request aborted due to timeout" passed for ours, or the receiver's. Of a connection
 *   they say that there was an error, and have the reason in `detail`.
 * - OpenSSL's (an https:// URL of a port that speaks no TLS) hide the reason between a thread's number and a place in
 *   their source.
 * - A shop's own function may throw anything, and String() does not take all.
 */
export function messageOf(error: unknown): string {
  const { message, code, name, type, detail } = Object(error);
  const said = message || code || name || error;
  const words =
    typeof said === 'string'
      ? said.replace(OPENSSL, 'TLS: $<reason>')
      : inspect(said, { breakLength: Number.POSITIVE_INFINITY });
  if (!(typeof type === 'string' && /^Stripe\w+Error$/.test(type))) return words;
  const reason = Object(detail).message || Object(detail).code;
  return typeof reason === 'string' ? `Stripe: ${words} (${reason})` : `Stripe: ${words}`;
}

/** `40139DC4737F0000:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/….c:78:`. */
const OPENSSL = /[\dA-F]{1,16}:error:[\dA-F]{8}:[^:]*:[^:]*:(?<reason>[^:]*):.*/s;

/** Where a fault of the code itself lies, for the log beside its message. Of what was thrown on purpose the message is enough. */
export function faultOf(error: unknown): { at?: readonly string[] } {
  const { name, stack } = Object(error);
  const isFault = ['TypeError', 'ReferenceError', 'RangeError'].includes(name) && typeof stack === 'string';
  return isFault ? { at: stack.match(/(?<=^ +at ).+$/gm) ?? [] } : {};
}
