import type { Config } from '../config.ts';
import type { MailTransport } from './mail.ts';
import { expectMailDir, fileMailer, mailDir } from './mail-files.ts';
import { expectSmtp, smtpMailer } from './smtp.ts';

/**
 * By SMTP where there is a server, as files otherwise.
 * @param answerTimeoutMs what the server may take to accept a whole mail; unset: as long as the standard has it
 */
export function openMailer(
  { mail: { smtpUrl, from }, dataDir }: Config,
  answerTimeoutMs?: number,
): MailTransport {
  return smtpUrl
    ? smtpMailer({ url: smtpUrl, from, answerTimeoutMs })
    : fileMailer({ dir: mailDir(dataDir), from });
}

/**
 * Looks as far as it can without a mail: a connection and a login, or a place for files.
 * @param timeoutMs what each step may take
 * @throws what would keep every mail from going out
 */
export async function expectMailer({ mail, dataDir }: Config, timeoutMs: number): Promise<void> {
  if (mail.smtpUrl === null) await expectMailDir(mailDir(dataDir));
  else await expectSmtp(mail.smtpUrl, timeoutMs);
}
