import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Fulfiller, PaidOrder } from '../../src/fulfillment/fulfiller.ts';

/** Prints a slip for the packing table. Returning means fulfilled; throwing means "again later". */
export function packingSlips(dir: string): Fulfiller {
  return async (paid, signal) => {
    await mkdir(dir, { recursive: true });
    const file = path.join(dir, `${paid.idempotencyKey}.txt`);
    try {
      // A slip is written once. If the process was killed after it had written one, the next attempt finds it here.
      await writeFile(file, slip(paid), { flag: 'wx', signal });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  };
}

function slip({ order, lineItems }: PaidOrder): string {
  const lines = lineItems.map(({ quantity, description }) => `[ ] ${quantity ?? 1} x ${description}`);
  return [`Order ${order.id}`, `For ${order.customer_name ?? order.customer_email}`, '', ...lines, ''].join(
    '\n',
  );
}
