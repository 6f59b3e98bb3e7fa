import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { createTransport, type SendMailOptions } from 'nodemailer';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import { hostOf, plainAddress } from '../shapes.ts';
import { writeWhole } from '../whole-file.ts';
import { AttemptFailed } from '../work/attempt.ts';
import { expectMailDir, mailDir, mailFile } from './mail-files.ts';

export interface Mail {
  readonly to: string;
  /** The same for every attempt at one mail, so that a repeat can be recognised: `order-paid.cs_…`. */
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export type Mailer = (mail: Mail) => Promise<void>;

export interface MailTransport {
  readonly send: Mailer;
  close(): void;
}

interface SmtpOptions {
  readonly url: string;
  readonly from: string;
  /** Until the server has the mail whole. */
  readonly timeoutMs?: number;
  /** Then, until it says whether it takes it. */
  readonly answerTimeoutMs?: number;
}

/** Who gives up sooner on a server that takes its time over a whole mail sends it twice (RFC 5321, 4.5.3.2.6). */
const ANSWER_TIMEOUT_MS = 10 * 60 * 1_000;

/** By SMTP where there is a server, as files otherwise. */
export function openMailer(
  { mail: { smtpUrl, from }, dataDir }: Config,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
): MailTransport {
  return smtpUrl
    ? smtpMailer({ url: smtpUrl, from, answerTimeoutMs })
    : fileMailer({ dir: mailDir(dataDir), from });
}

/**
 * Looks as far as it can without a mail: a connection and a login, or a place for files.
 * @param timeoutMs for each step, and no answer is longer in coming
 * @throws what would keep every mail from going out
 */
export async function expectMailer({ mail, dataDir }: Config, timeoutMs: number): Promise<void> {
  if (mail.smtpUrl === null) return expectMailDir(mailDir(dataDir));
  const transport = createTransport({
    url: mail.smtpUrl,
    dnsTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  await transport.verify().catch((error) => {
    throw new Error(reasonOf(error));
  });
}

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

/** Writes mails as files, for a person or a test to open: `<dir>/<messageId>.eml`. */
export function fileMailer({ dir, from }: { readonly dir: string; readonly from: string }): MailTransport {
  const compose = composer(from);
  const transport = createTransport({ streamTransport: true });
  return {
    async send(mail) {
      const { message } = await transport.sendMail(compose(mail));
      const file = join(dir, mailFile(mail.messageId));
      await mkdir(dir, { recursive: true });
      await writeWhole(file, message);
    },
    close() {},
  };
}

function composer(from: string): (mail: Mail) => SendMailOptions {
  const host = hostOf(from);
  return ({ to, messageId, subject, text, html }) => ({
    from,
    to: { name: '', address: oneRecipient(to) },
    messageId: `<${messageId}@${host}>`,
    subject,
    text,
    html,
    // Out-of-office robots do not answer what a machine sent (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
    xMailer: false,
  });
}

/** Customers type their address themselves. */
function oneRecipient(address: string): string {
  if (!plainAddress.test(address)) {
    throw new AttemptFailed('the recipient is not one plain mail address', { final: true });
  }
  return address;
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
