import { access, constants, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { writeWhole } from '../whole-file.ts';
import { composer, type MailTransport } from './mail.ts';

/** Where mails that become files lie. */
export function mailDir(dataDir: string): string {
  return `${dataDir}/mail`;
}

/** @throws where no mail can become a file there: the disk is read-only, or another user's */
export async function expectMailDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await access(dir, constants.W_OK);
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

export function mailFile(messageId: string): string {
  return `${encodeURIComponent(messageId)}.eml`;
}

/** Removes the mails of these sessions' orders that the file mailer wrote, unfinished ones too. How many files there were. */
export async function removeMails(dir: string, checkoutSessionIds: readonly string[]): Promise<number> {
  const sessions = new Set(checkoutSessionIds.map(encodeURIComponent));
  const mails = (await filesIn(dir)).filter((file) => sessions.has(/\.(.+)\.eml/.exec(file)?.[1] ?? ''));
  await Promise.all(mails.map((file) => rm(join(dir, file), { force: true })));
  return mails.length;
}

async function filesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
