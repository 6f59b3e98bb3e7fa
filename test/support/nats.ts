import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';

interface Published {
  readonly subject: string;
  readonly id: string | undefined;
  readonly body: string;
}

interface Broker {
  readonly url: string;
  /** What is stored, each id once. */
  readonly stored: Published[];
  /** Takes messages and says nothing, as a broker that can't store them. */
  silent: boolean;
}

/** As much of NATS's protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol) as a publisher to JetStream needs. */
export async function startBroker(): Promise<Broker> {
  const sockets = new Set<Socket>();
  const broker = { url: '', stored: [] as Published[], silent: false };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const inboxes = new Map<string, string>();
    const info = { server_id: 'test', version: '2.10.0', proto: 1, headers: true, max_payload: 1_048_576 };
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);

    const confirm = (reply: string, message: Published) => {
      const duplicate = broker.stored.some(({ id }) => id === message.id);
      if (!duplicate) broker.stored.push(message);
      const answer = JSON.stringify({ stream: 'ORDERS', seq: broker.stored.length, duplicate });
      const inbox = [...inboxes].find(([pattern]) => reply.startsWith(pattern.replace(/[*>]$/, '')));
      socket.write(`MSG ${reply} ${inbox?.[1]} ${Buffer.byteLength(answer)}\r\n${answer}\r\n`);
    };

    let rest = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      for (;;) {
        const end = rest.indexOf('\r\n');
        if (end < 0) return;
        const [verb = '', ...words] = rest.subarray(0, end).toString().split(' ');
        const size = verb === 'HPUB' ? Number(words.at(-1)) : 0;
        const next = end + 2 + (verb === 'HPUB' ? size + 2 : 0);
        if (rest.length < next) return;
        if (verb === 'PING') socket.write('PONG\r\n');
        if (verb === 'SUB') inboxes.set(words[0] ?? '', words.at(-1) ?? '');
        if (verb === 'HPUB' && !broker.silent) {
          const [subject = '', reply = '', head = ''] = words;
          const text = rest.subarray(end + 2, end + 2 + size);
          const headers = text.subarray(0, Number(head)).toString();
          confirm(reply, {
            subject,
            id: /^Nats-Msg-Id: *(\S+)/im.exec(headers)?.[1],
            body: text.subarray(Number(head)).toString(),
          });
        }
        rest = rest.subarray(next);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  broker.url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return broker;
}
