import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Fulfiller, PaidOrder } from '../../src/fulfillment/fulfiller.ts';
import { oneLine } from '../../src/one-line.ts';
import { writeWhole } from '../../src/whole-file.ts';

/** Prints a slip for the packing table. Returning means fulfilled; throwing means "again later". */
export function packingSlips(dir: string): Fulfiller {
  return async (paid) => {
    await mkdir(dir, { recursive: true });
    // Whole or not at all: half a slip, of an attempt that was killed or of a full disk, would look like one that is done.
    await writeWhole(path.join(dir, `${paid.idempotencyKey}.txt`), slip(paid));
  };
}

function slip({ order, lineItems }: PaidOrder): string {
  const lines = lineItems.map(({ quantity, description }) => `[ ] ${quantity ?? 1} x ${description}`);
  // What a customer has typed begins no line: it would look like an item to pack.
  const customer = oneLine(order.customer_name ?? order.customer_email ?? '');
  return [`Order ${order.id}`, `For ${customer}`, '', ...lines, ''].join('\n');
}
