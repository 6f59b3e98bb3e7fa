import { Command } from 'commander';
import type { Describe, Report } from '../command.ts';
import { orderIdOf } from '../identify.ts';
import { type Retried, retryOrder } from '../retry.ts';

export const retry: Describe = (act) =>
  new Command('retry')
    .description('Tries again at once what an order is owed: its fulfilment, its mails.')
    .argument('<order>', 'its id, or its checkout session')
    .addHelpText('after', '\nExamples:\n  npm run ops -- retry 42\n  npm run ops -- retry cs_live_a1b2c3')
    .action(
      act(async ({ db, actor }, order: string): Promise<Report> => {
        const id = await orderIdOf(db, order);
        const retried = await retryOrder(db, id, actor);
        const ok = retried.fulfillments + retried.notifications > 0;
        return { ok, data: { order_id: id, ...retried }, text: tell(id, retried) };
      }),
    );

function tell(id: number, { fulfillments, notifications }: Retried): string {
  const due = [fulfillments > 0 && 'its fulfilment', notifications > 0 && 'its mail'].filter(Boolean);
  return due.length > 0
    ? `Order ${id}: ${due.join(' and ')} will be tried again now.`
    : `Order ${id} has nothing to try again: nothing of it is dead or put off.`;
}
