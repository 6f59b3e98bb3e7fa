import type { SendMailOptions } from 'nodemailer';
import { hostOf, plainAddress } from '../shapes.ts';
import { AttemptFailed } from '../work/attempt.ts';

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

/** A mail as nodemailer takes it, with its headers. */
export function composer(from: string): (mail: Mail) => SendMailOptions {
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
