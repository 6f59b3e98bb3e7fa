import { performance } from 'node:perf_hooks';

/** SMTP servers like few connections. */
const AT_ONCE = 5;
const RECEIPTS_WAIT_MS = 60_000;
/** In a backlog that drains as fast as it can the thread is never idle; with a receiver that takes its time nearly always. */
const BUSY_FROM = 0.5;
const MEASURED_OVER_MS = 1_000;

/**
 * Mails at once, by how long paid orders have waited for a place, in milliseconds, and how much of its time the process's thread
 * is at work, 0 to 1. Where that is much, the orders share it with the mails, of which one costs nearly as much as the order,
 * and a receipt can wait for a minute: a backlog of 20,000 drained at 808 orders/s, with one mail at a time from its first second
 * at 567. Where orders wait for their receiver, no mail keeps them.
 */
export function mailPlaces(ordersBehindMs: number, busy: number): number {
  if (ordersBehindMs === 0 || busy < BUSY_FROM) return AT_ONCE;
  return ordersBehindMs < RECEIPTS_WAIT_MS ? 0 : 1;
}

/** How much of its time this thread was at work, 0 to 1, over a second or more before it was asked; 1 until that is known. */
export function watchThread(): () => number {
  let from = performance.eventLoopUtilization();
  let busy = 1;
  return () => {
    const { active, idle, utilization } = performance.eventLoopUtilization(from);
    if (active + idle >= MEASURED_OVER_MS) {
      busy = utilization;
      from = performance.eventLoopUtilization();
    }
    return busy;
  };
}
