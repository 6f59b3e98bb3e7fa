/** SMTP servers like few connections. */
const AT_ONCE = 5;
const RECEIPTS_WAIT_MS = 60_000;
/** In a backlog that drains as fast as it can the thread is never idle; with a receiver that takes its time nearly always. */
const BUSY_FROM = 0.5;
const MEASURED_OVER_MS = 1_000;

/**
 * How many mails may be sent at once. A mail costs this process's thread nearly as much as an order, and a receipt can
 * wait: while paid orders wait for a place and the thread is busy, none goes for a minute, and then one at a time. A
 * backlog of 20,000 drained at 808 orders/s, with one mail at a time from its first second at 567. Where orders wait for
 * their receiver the thread is idle, and mails go as always.
 * @param ordersBehindMs for how long paid orders have waited for a place
 * @param busy how much of its time the thread is at work, 0 to 1
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
