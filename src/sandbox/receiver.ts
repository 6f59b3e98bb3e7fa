import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { messageOf } from '../errors.ts';
import { answerJson } from '../http/answer.ts';
import type { Logger } from '../logger.ts';
import { type Files, openFiles } from './files.ts';
import { serveOnLoopback } from './loopback.ts';

export interface ReceivedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of the answer. */
  readonly status: number;
}

/** Known to everyone: whoever can call the receiver is on this machine. */
const SECRET = 'whsec_c2FuZGJveC1yZWNlaXZlci1ub3QtZm9yLXByb2R1Y3Rpb24';
const KEPT = 20;

/** What the receiver got and how it is, by checkout session. */
export interface ReceiverFiles {
  readonly requests: Files<readonly ReceivedRequest[]>;
  readonly outages: Files<{ readonly down: boolean }>;
}

/** In files, as what the stand-in keeps is: the process that fulfils need not be the one that shows it. */
export async function openReceiverFiles(dir: string): Promise<ReceiverFiles> {
  return {
    requests: await openFiles(join(dir, 'requests'), 'cs_test_'),
    outages: await openFiles(join(dir, 'outages'), 'cs_test_'),
  };
}

/** Plays the shop's backend where none is configured: a receiver that checks signatures, keeps what it got, and can be down. */
export async function startReceiver({ dir, log }: { dir: string; log: Logger }) {
  const files = await openReceiverFiles(dir);
  const { url, close } = await serveOnLoopback(async (req, res) => {
    try {
      const status = await take(req, files, log);
      answerJson(res, status, { status });
    } catch (error) {
      log.warn({ reason: messageOf(error) }, "the sandbox's receiver refused a request");
      answerJson(res, 400, { error: 'This is no order of this service.' });
    }
  });
  return { endpoint: { url: `${url}/orders`, secret: SECRET, timeoutMs: 5_000 }, close };
}

async function take(
  req: IncomingMessage,
  { requests, outages }: ReceiverFiles,
  log: Logger,
): Promise<200 | 503> {
  const body = await text(req);
  const headers = Object.fromEntries(
    Object.entries(req.headers).map(([name, value]) => [name, String(value)]),
  );
  new Webhook(SECRET).verify(body, headers);
  const id = headers['webhook-id'] as string;
  const status = (await outages.find(id))?.down ? 503 : 200;
  const request = { headers, body, status };
  const before = (await requests.find(id)) ?? [];
  await requests.save(id, [...before, request].slice(-KEPT));
  if (status === 200) {
    const words = "the sandbox's receiver took a paid order (with FULFILLMENT_URL, yours does)";
    log.info({ checkout_session_id: id }, words);
  }
  return status;
}
