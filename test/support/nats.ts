import { createServer } from 'node:net';
import { listen } from './listen.ts';

interface Published {
  readonly subject: string;
  readonly id: string | undefined;
  readonly body: string;
}

interface Broker {
  readonly url: string;
  /** What is stored, each id once. */
  readonly stored: Published[];
  /** Hangs up on whoever connects. */
  away: boolean;
  /** Takes messages and says nothing, as a broker that can't store them. */
  silent: boolean;
}

/** As much of NATS's protocol (https://docs.nats.io/reference/reference-protocols/nats-protocol) as a publisher to JetStream needs. */
export async function startBroker(): Promise<Broker> {
  const broker = { url: '', stored: [] as Published[], away: false, silent: false };
  const server = createServer((socket) => {
    if (broker.away) return void socket.destroy();
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
  broker.url = `nats://127.0.0.1:${await listen(server)}`;
  return broker;
}
