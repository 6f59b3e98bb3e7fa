import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { parseConfig } from '../../src/config.ts';
import type { Mail, MailTransport } from '../../src/notifications/mail.ts';
import { fileMailer } from '../../src/notifications/mail-files.ts';
import { expectMailer, openMailer } from '../../src/notifications/mailer.ts';
import { smtpMailer } from '../../src/notifications/smtp.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { serveMail } from '../support/smtp.ts';
import { until } from '../support/until.ts';

const from = 'Acme Wares <orders@acme.example>';
const mail: Mail = {
  to: 'jenny@example.com',
  messageId: 'order-paid.cs_test_1',
  subject: 'Your order at Café Größe ☕',
  text: 'Hello Jenny,\n\n2 × Blue mug: €50.00\n',
  html: '<p>2 × Blue mug: €50.00</p>',
};

/** It says that it takes a mail when the test says so. */
const taken: (() => void)[] = [];
const thinking = await serveMail({
  authOptional: true,
  onData: (stream, _session, done) => void stream.on('end', () => taken.push(done)).resume(),
});

/** They say nothing more from this step on. */
const tarpits = {
  onMailFrom: serveMail({ authOptional: true, onMailFrom: () => {} }),
  onRcptTo: serveMail({ authOptional: true, onRcptTo: () => {} }),
};
await Promise.all(Object.values(tarpits));

async function expectTheMail(source: string | Buffer): Promise<void> {
  const parsed = await simpleParser(source);
  expect(parsed.messageId).toBe('<order-paid.cs_test_1@acme.example>');
  expect(parsed.from?.value).toEqual([{ name: 'Acme Wares', address: 'orders@acme.example' }]);
  expect(parsed.to).toMatchObject({ value: [{ name: '', address: 'jenny@example.com' }] });
  expect(parsed.headers.get('auto-submitted')).toBe('auto-generated');
  expect(parsed.subject).toBe(mail.subject);
  expect(parsed.text).toBe(mail.text);
  expect(parsed.html).toBe(mail.html);
}

async function portOf(server: { listen(port: number, host: string): Server }): Promise<number> {
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return (listening.address() as AddressInfo).port;
}

interface Delivery {
  readonly sender: string | undefined;
  readonly recipients: string[];
  readonly source: Buffer;
}
const deliveries: Delivery[] = [];
/** It knows no recipient who is nobody. */
const usual = await serveMail({
  authOptional: true,
  onRcptTo({ address }, _session, done) {
    const refused = new Error(`5.1.1 <${address}>: Jenny Rosen is not known here`);
    done(address.startsWith('nobody@') ? Object.assign(refused, { responseCode: 550 }) : null);
  },
  async onData(stream, { envelope }, done) {
    const source = Buffer.concat(await stream.toArray());
    const sender = envelope.mailFrom ? envelope.mailFrom.address : undefined;
    deliveries.push({ sender, recipients: envelope.rcptTo.map(({ address }) => address), source });
    done();
  },
});

describe('by SMTP', () => {
  let mailer: MailTransport;

  beforeEach(() => {
    deliveries.length = 0;
    mailer = smtpMailer({ url: `smtp://${usual.host}`, from });
  });

  afterEach(() => mailer.close());

  test('goes to its recipient, whole', async () => {
    await mailer.send(mail);
    expect(deliveries).toMatchObject([{ sender: 'orders@acme.example', recipients: ['jenny@example.com'] }]);
    await expectTheMail(deliveries[0]?.source ?? '');
  });

  test('is from shop@localhost without MAIL_FROM, where nothing is live', async () => {
    const { send, close } = openMailer(parseConfig({ SMTP_URL: `smtp://${usual.host}` }));
    await send(mail);
    close();
    expect(deliveries).toMatchObject([{ sender: 'shop@localhost', recipients: ['jenny@example.com'] }]);
  });

  test('a repeat has the same message id', async () => {
    await mailer.send(mail);
    await mailer.send(mail);
    const ids = await Promise.all(
      deliveries.map(async ({ source }) => (await simpleParser(source)).messageId),
    );
    expect(ids).toEqual(Array(2).fill('<order-paid.cs_test_1@acme.example>'));
  });

  test('a subject can add no header and no recipient', async () => {
    await mailer.send({ ...mail, subject: 'Hello\r\nBcc: mallory@evil.example\r\n\r\nbody' });
    const { headers, text } = await simpleParser(deliveries[0]?.source ?? '');
    expect(headers.has('bcc')).toBe(false);
    expect(text).toBe(mail.text);
    expect(deliveries[0]?.recipients).toEqual(['jenny@example.com']);
  });

  test.each([
    '',
    'jenny',
    'jenny@',
    'jenny@example.com, mallory@evil.example',
    'jenny@example.com;mallory@evil.example',
    'jenny@example.com\r\nBcc: mallory@evil.example',
    'jenny@example.com\r\nRCPT TO:<mallory@evil.example>',
    'Jenny <jenny@example.com>',
    'friends: jenny@example.com, mallory@evil.example;',
    '"jenny@example.com,"@evil.example',
    'jenny@example.com@evil.example',
    'jenny(comment)@example.com',
    'jenny@example.com\u0000',
    'jenny@example.com\u2028mallory',
  ])('refuses %j as a recipient, and does not repeat it', async (to) => {
    await expect(mailer.send({ ...mail, to })).rejects.toMatchObject({
      message: 'the recipient is not one plain mail address',
      final: true,
    });
    expect(deliveries).toEqual([]);
  });

  test.each(['jenny.o-neill+shop@example.co.uk', "o'neill@example.com", 'x@127-0-0-1.example'])(
    '%s is one recipient',
    async (to) => {
      await mailer.send({ ...mail, to });
      expect(deliveries).toMatchObject([{ recipients: [to] }]);
    },
  );

  test('a domain beyond ASCII is one recipient', async () => {
    await mailer.send({ ...mail, to: 'jenny@größe.example' });
    expect(deliveries).toMatchObject([{ recipients: ['jenny@größe.example'] }]);
  });

  test('a refusal is an error that does not name the recipient, and the next mail goes out', async () => {
    await expect(mailer.send({ ...mail, to: 'nobody@example.com' })).rejects.toThrow(
      /^the mail was not sent: the server answered 550 5\.1\.1$/,
    );
    await mailer.send(mail);
    expect(deliveries).toMatchObject([{ recipients: ['jenny@example.com'] }]);
  });
});

test('a long greeting of what is no mail server keeps nobody waiting, and is told without the addresses in it', async () => {
  // In quadratic time it would take two hours.
  const greeting = `${'x'.repeat(1_000_000)} of jenny@example.com\r\n`;
  const other = createServer((socket) => socket.on('error', () => {}).write(greeting));
  const mailer = smtpMailer({ url: `smtp://127.0.0.1:${await portOf(other)}`, from });
  try {
    await expect(mailer.send(mail)).rejects.toThrow(/^the mail was not sent: .*x of \(address\)/);
  } finally {
    mailer.close();
    await new Promise((resolve) => other.close(resolve));
  }
});

describe('with a server that does not answer', () => {
  test.each(['', '220 at your service\r\n'])('gives up after %j when its time is over', async (greeting) => {
    const silent = createServer((socket) => socket.resume().write(greeting));
    const mailer = smtpMailer({ url: `smtp://127.0.0.1:${await portOf(silent)}`, from, timeoutMs: 200 });
    try {
      await expect(mailer.send(mail)).rejects.toThrow('the mail was not sent: no answer within 200 ms');
    } finally {
      mailer.close();
      await new Promise((resolve) => silent.close(resolve));
    }
  });

  test.each(['onMailFrom', 'onRcptTo'] as const)('gives up at %s as soon as before', async (step) => {
    const { host } = await tarpits[step];
    const mailer = smtpMailer({ url: `smtp://${host}`, from, timeoutMs: 500, answerTimeoutMs: 60_000 });
    await expect(mailer.send(mail)).rejects.toThrow('the mail was not sent: no answer within 500 ms');
    mailer.close();
  });

  describe('to a whole mail', () => {
    const url = `smtp://${thinking.host}`;
    beforeEach(() => {
      taken.length = 0;
    });

    test('waits for longer than for all before: given up, it would come twice', async () => {
      const mailer = smtpMailer({ url, from, timeoutMs: 2_000 });
      const began = performance.now();
      const sent = mailer.send(mail);
      await until('the server has it', () => taken.length === 1);
      await until('the first bound is over', () => performance.now() - began > 2_200);
      taken[0]?.();
      await sent;
      mailer.close();
    });

    test('gives up after that as well', async () => {
      const mailer = smtpMailer({ url, from, answerTimeoutMs: 200 });
      await expect(mailer.send(mail)).rejects.toThrow('the mail was not sent: no answer within 200 ms');
      mailer.close();
    });
  });

  test.each([
    ['', /^Greeting never received/],
    ['220 at your service\r\n', /^Timeout/],
  ])('does not wait for it after %j where it only looks', async (greeting, words) => {
    const silent = createServer((socket) => socket.resume().write(greeting));
    const config = parseConfig({ SMTP_URL: `smtp://127.0.0.1:${await portOf(silent)}` });
    const began = performance.now();
    // For the connection as well, which a busy machine takes longer to see.
    await expect(expectMailer(config, 1_000)).rejects.toThrow(words);
    // nodemailer's own limits, 30 s and 10 minutes, end in the same words.
    expect(performance.now() - began).toBeLessThan(20_000);
    await new Promise((resolve) => silent.close(resolve));
  });

  test('gives up on one that is not there', async () => {
    const mailer = smtpMailer({ url: 'smtp://127.0.0.1:1', from });
    await expect(mailer.send(mail)).rejects.toThrow(/^the mail was not sent: .*ECONNREFUSED/);
    mailer.close();
  });
});

describe('as a file', () => {
  let dir: string;
  let mailer: MailTransport;

  beforeEach(async () => {
    dir = join(await scratchDir(), 'mail');
    mailer = fileMailer({ dir, from });
  });

  test('can be opened as the mail it is, by its owner alone', async () => {
    await mailer.send(mail);
    expect((await stat(join(dir, 'order-paid.cs_test_1.eml'))).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(['order-paid.cs_test_1.eml']);
    await expectTheMail(await readFile(join(dir, 'order-paid.cs_test_1.eml')));
  });

  test('has headers in ASCII alone, also where the domain of the shop is not', async () => {
    await fileMailer({ dir, from: 'Größe <shop@größe.example>' }).send(mail);
    const [head = ''] = (await readFile(join(dir, 'order-paid.cs_test_1.eml'), 'latin1')).split('\r\n\r\n');
    expect(head).toContain('Message-ID: <order-paid.cs_test_1@xn--gre-6ka8i.example>');
    expect(head).toMatch(/^[\x20-\x7e\r\n]+$/);
  });

  test('is replaced by its repeat, and never half written', async () => {
    const long = { ...mail, text: 'long '.repeat(10_000) };
    await Promise.all([mailer.send(long), mailer.send(long), mailer.send(long)]);
    await mailer.send(mail);
    expect(await readdir(dir)).toEqual(['order-paid.cs_test_1.eml']);
    await expectTheMail(await readFile(join(dir, 'order-paid.cs_test_1.eml')));
  });

  test('stays in its directory', async () => {
    await mailer.send({ ...mail, messageId: '../../order/paid' });
    expect(await readdir(dir)).toEqual(['..%2F..%2Forder%2Fpaid.eml']);
  });

  test('goes to one recipient or to none', async () => {
    await expect(mailer.send({ ...mail, to: 'a@example.com, b@example.com' })).rejects.toThrow(
      'not one plain mail address',
    );
    await expect(readdir(dir)).rejects.toThrow('ENOENT');
  });
});
