import { once } from 'node:events';
import { afterAll } from '@jest/globals';
import { SMTPServer } from 'smtp-server';

export interface Mailbox {
  readonly url: string;
  /** The Message-ID of each mail that was taken, in order of arrival. */
  readonly taken: string[];
}

/** The service is stopped later, and keeps its connections until then: by default they are waited for. */
export const CLOSE_WITHIN_MS = 100;

/** A mail server that takes every mail, once `taking` lets it. */
export async function startMailbox(taking = async () => {}): Promise<Mailbox> {
  const taken: string[] = [];
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    closeTimeout: CLOSE_WITHIN_MS,
    onData(stream, _session, done) {
      stream.toArray().then(
        async (pieces) => {
          await taking();
          const source = Buffer.concat(pieces).toString('latin1');
          taken.push(/^message-id:\s*(\S+)/im.exec(source)?.[1] ?? 'none');
          done();
        },
        // Broken off in the middle: no mail.
        done,
      );
    },
  });
  smtp.on('error', () => {});
  const listening = smtp.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  afterAll(() => new Promise<void>((resolve) => smtp.close(resolve)));
  return { url: `smtp://127.0.0.1:${(listening.address() as { port: number }).port}`, taken };
}
