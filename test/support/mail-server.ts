import { type ParsedMail, simpleParser } from 'mailparser';
import { serveMail } from './smtp.ts';

interface MailServer {
  readonly url: string;
  /** Each with the recipients of its envelope. */
  readonly mails: { readonly to: readonly string[]; readonly mail: ParsedMail }[];
}

/** An SMTP server that takes everything. It is stopped when the file ends. */
export async function startMailServer(): Promise<MailServer> {
  const mails: MailServer['mails'] = [];
  const { host } = await serveMail({
    authOptional: true,
    async onData(stream, { envelope }, done) {
      const mail = await simpleParser(Buffer.concat(await stream.toArray()));
      mails.push({ to: envelope.rcptTo.map(({ address }) => address), mail });
      done();
    },
  });
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
