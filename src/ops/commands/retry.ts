import { Command } from 'commander';
import { counted } from '../../counted.ts';
import { type Affected, isNone } from '../affected.ts';
import { type Describe, outcomeOf, type Report } from '../command.ts';
import { ORDER_NAMES, orderOf } from '../look-up.ts';
import { retryDead, retryOrder } from '../retry.ts';

const HELP = `
Examples:
  npm run ops -- retry 42
  npm run ops -- retry cs_live_a1b2c3
  npm run ops -- retry dead             (the receiver is repaired: all that was given up)`;

export const retry: Describe = (act) =>
  new Command('retry')
    .description('Tries again at once what an order is owed: its fulfilment, its mails.')
    .argument('<order>', `${ORDER_NAMES}; or "dead", for all that is`)
    .addHelpText('after', HELP)
    .action(
      act(async ({ db, stripe, actor }, order: string): Promise<Report> => {
        if (order === 'dead') {
          const retried = await retryDead(db, actor);
          return { ok: true, data: retried, text: tellAll(retried) };
        }
        const id = await orderOf({ db, stripe }, order);
        const retried = await retryOrder(db, id, actor);
        return outcomeOf({
          ok: !isNone(retried),
          data: { order_id: id, ...retried },
          text: tell(id, retried),
        });
      }),
    );

function tell(id: number, { fulfillments, notifications }: Affected): string {
  const due = [fulfillments > 0 && 'its fulfilment', notifications > 0 && 'its mail'].filter(Boolean);
  return due.length > 0
    ? `Order ${id}: ${due.join(' and ')} will be tried again now.`
    : `Order ${id} has nothing to try again: nothing of it is dead or put off.`;
}

function tellAll(retried: Affected): string {
  if (isNone(retried)) return 'Nothing is dead.';
  const { fulfillments, notifications } = retried;
  return `${counted(fulfillments, 'fulfilment')} and ${counted(notifications, 'mail')} will be tried again now.`;
}
