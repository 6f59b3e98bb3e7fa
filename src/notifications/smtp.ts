import { type Readable, Transform } from 'node:stream';
import { createTransport, type SendMailOptions } from 'nodemailer';
import { messageOf } from '../errors.ts';
import { composer, type MailTransport } from './mail.ts';

interface SmtpOptions {
  readonly url: string;
  readonly from: string;
  /** Until the server has the mail whole. */
  readonly timeoutMs?: number;
  /** Then, until it says whether it takes it. */
  readonly answerTimeoutMs?: number | undefined;
}

/** Who gives up sooner on a server that takes its time over a whole mail sends it twice (RFC 5321, 4.5.3.2.6). */
const ANSWER_TIMEOUT_MS = 10 * 60 * 1_000;

export function smtpMailer({
  url,
  from,
  timeoutMs = 15_000,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
}: SmtpOptions): MailTransport {
  const compose = composer(from);
  const transport = createTransport({ url, pool: true });
  transport.use('stream', ({ message, data }, done) => {
    message.transform(inOnePiece);
    // The stream that is read last is the one to the server, which has asked for the mail by then. All before it only
    // compose.
    message.processFunc((last: Readable) => last.once('end', (data as Watched).onWhole));
    done();
  });
  return {
    async send(mail) {
      const composed = compose(mail);
      // One bound on all of a phase: nodemailer's own timeouts start anew with every step and byte. Not
      // AbortSignal.timeout, of which each mail would leave one behind until it fires.
      const stop = new AbortController();
      const giveUpAfter = (ms: number) =>
        setTimeout(() => stop.abort(new Error(`no answer within ${ms} ms`)), ms);
      let timer: NodeJS.Timeout | null = giveUpAfter(timeoutMs);
      const onWhole = () => {
        if (timer === null) return;
        clearTimeout(timer);
        timer = giveUpAfter(answerTimeoutMs);
      };
      const watched: Watched = { ...composed, signal: stop.signal, onWhole };
      try {
        await transport.sendMail(watched);
      } catch (error) {
        const reason = stop.signal.aborted ? messageOf(stop.signal.reason) : reasonOf(error);
        throw new Error(`the mail was not sent: ${reason}`);
      } finally {
        clearTimeout(timer);
        timer = null;
      }
    },
    close: () => transport.close(),
  };
}

interface Watched extends SendMailOptions {
  /** The mail goes to the server, whole. */
  readonly onWhole: () => void;
}

/** Else a mail is some 15 small writes, each a packet and a TLS record of its own. */
function inOnePiece(): Transform {
  const pieces: Buffer[] = [];
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
    flush(done) {
      done(null, Buffer.concat(pieces));
    },
  });
}

/** A connection and a login, and no mail. */
export async function expectSmtp(url: string, timeoutMs: number): Promise<void> {
  const transport = createTransport({
    url,
    connectionTimeout: timeoutMs,
    // After that of the greeting, whose words say more than `Timeout`.
    socketTimeout: timeoutMs + 100,
  });
  await transport.verify().catch((error) => {
    throw new Error(reasonOf(error));
  });
}

/** Servers like to repeat the recipient, by address and by name, and errors end up in logs: of their words only the codes are kept. */
function reasonOf(error: unknown): string {
  const { responseCode, response = '' } = error as { responseCode?: number; response?: string };
  // Word by word: a pattern that seeks the @ itself stood still for 75 s over a greeting of 100 kB without one.
  if (responseCode === undefined)
    return messageOf(error).replace(/[^\s<>]+/g, (word) => (word.includes('@') ? '(address)' : word));
  // RFC 3463: 5.1.1 is an unknown mailbox, and tells more than 550.
  const [detail = ''] = /\b[245]\.\d{1,3}\.\d{1,3}\b/.exec(response) ?? [];
  return `the server answered ${responseCode} ${detail}`.trim();
}
