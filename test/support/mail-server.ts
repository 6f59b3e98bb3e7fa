import { type ParsedMail, simpleParser } from 'mailparser';
import { serveMail } from './smtp.ts';

interface MailServer {
  readonly url: string;
  /** Each with the recipients of its envelope. */
  readonly mails: { readonly to: readonly string[]; readonly mail: ParsedMail }[];
}

/** An SMTP server that takes every mail, once `taking` lets it. It is stopped when the file ends. */
export async function startMailServer(taking = async () => {}): Promise<MailServer> {
  const mails: MailServer['mails'] = [];
  const { smtp, host } = await serveMail({
    authOptional: true,
    onData(stream, { envelope }, done) {
      stream.toArray().then(
        async (pieces) => {
          await taking();
          const mail = await simpleParser(Buffer.concat(pieces));
          mails.push({ to: envelope.rcptTo.map(({ address }) => address), mail });
          done();
        },
        // Broken off in the middle: no mail.
        done,
      );
    },
  });
  smtp.on('error', () => {});
  return { url: `smtp://${host}`, mails };
}

/** One that knows no recipient, and says so in words that repeat it. `host` is with its port, for a URL with any user. */
export async function startRefusingMailServer() {
  const refused: string[] = [];
  const { host } = await serveMail({
    allowInsecureAuth: true,
    onAuth: (_auth, _session, done) => done(null, { user: 'anyone' }),
    onRcptTo({ address }, _session, done) {
      refused.push(address);
      done(Object.assign(new Error(`5.1.1 <${address}>: not known here`), { responseCode: 550 }));
    },
  });
  return { host, refused };
}
