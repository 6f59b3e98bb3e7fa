import { serveMail } from './smtp.ts';

interface Mailbox {
  readonly url: string;
  /** The Message-ID of each mail that was taken, in order of arrival. */
  readonly taken: string[];
}

/** A mail server that takes every mail, once `taking` lets it. */
export async function startMailbox(taking = async () => {}): Promise<Mailbox> {
  const taken: string[] = [];
  const { smtp, host } = await serveMail({
    authOptional: true,
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
  return { url: `smtp://${host}`, taken };
}
