import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { atEnd } from './at-end.ts';

/** A mail server of the test's own on a free loopback port, gone when the file ends. `host` is with its port. */
export async function serveMail(options: SMTPServerOptions): Promise<{ smtp: SMTPServer; host: string }> {
  const smtp = new SMTPServer({
    ...options,
    disabledCommands: ['STARTTLS'],
    // The service is stopped later, and keeps its connections until then: by default they are waited for.
    closeTimeout: 100,
  });
  const listening = smtp.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  atEnd(() => new Promise<void>((resolve) => smtp.close(resolve)));
  return { smtp, host: `127.0.0.1:${(listening.address() as AddressInfo).port}` };
}
