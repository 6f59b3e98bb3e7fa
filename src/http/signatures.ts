import { hostname } from 'node:os';
import { type Finding, isClockOff } from '../alerts/alert.ts';
import type { Delivery } from './webhook.ts';

/** So many in a row, over so long: a burst of forged requests is shorter, and a secret that is being rolled soon fits again. */
const IN_A_ROW = 5;
const OVER_MS = 60_000;

/** As Stripe writes it. Whatever scans the internet for holes sends none, and is not worth a person's night. */
const SIGNATURE = /^t=(\d{1,12}),(?:v0=[0-9a-f]+,)*v1=[0-9a-f]{64}(?:,|$)/;

/**
 * Watches the signatures of deliveries for what only a person can mend. Wrong ones in a row: the secret is not the
 * endpoint's. Right ones, but far from this process's own time: its clock is off. Anybody can send wrong ones, so a single
 * right one in between ends the row.
 */
export function watchSignatures() {
  const wrong = row();
  const untimely = row();
  let offset = 0;

  return {
    saw({ event, refusal, signature, at }: Delivery): void {
      const sentAt = SIGNATURE.exec(signature ?? '')?.[1];
      if (sentAt === undefined) return;
      const isGenuine =
        event !== null || refusal?.code === 'signature_expired' || refusal?.code === 'not_an_event';
      if (isGenuine) {
        wrong.end();
        offset = Math.round(at / 1_000 - Number(sentAt));
        if (isClockOff(offset)) untimely.add(at);
        else untimely.end();
      } else if (refusal?.code === 'signature_invalid') {
        wrong.add(at);
      }
    },
    findings(): readonly Finding[] {
      const host = hostname();
      const findings: (Finding | false)[] = [
        wrong.isLong() && { cause: 'signatures_failing', details: { host, in_a_row: wrong.length() } },
        untimely.isLong() && { cause: 'clock_off', details: { host, against: 'Stripe', seconds: offset } },
      ];
      return findings.filter((finding) => finding !== false);
    },
  };
}

function row() {
  let length = 0;
  let first = 0;
  let last = 0;
  return {
    add(at: number): void {
      if (length === 0) first = at;
      last = at;
      length += 1;
    },
    end(): void {
      length = 0;
    },
    length: () => length,
    isLong: () => length >= IN_A_ROW && last - first >= OVER_MS,
  };
}
