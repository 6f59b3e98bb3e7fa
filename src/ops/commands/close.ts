import { Command } from 'commander';
import { typedOption } from '../../command-line.ts';
import { counted } from '../../counted.ts';
import { type Affected, isNone } from '../affected.ts';
import { closeOrder, reasonShape } from '../close.ts';
import { type Describe, outcomeOf, type Report } from '../command.ts';
import { ORDER_NAMES, orderOf } from '../look-up.ts';

const HELP = `
The order stays paid, and is called fulfilled from then on: nobody is to see to it any more. Mails that were not sent are not
sent. An attempt that is under way in that moment may still reach the receiver.

Examples:
  npm run ops -- close 42 --because "fulfilled by hand"
  npm run ops -- close pi_3abc --because "refunded in Stripe"
  npm run ops -- close 42 --because "no such address"   (fulfilled, and its mail is dead)`;

export const close: Describe = (act) =>
  new Command('close')
    .description('Ends what an order is owed without another attempt: it was fulfilled by hand, or refunded.')
    .argument('<order>', ORDER_NAMES)
    .requiredOption(
      '--because <reason>',
      'kept with the order, so leave the customer out',
      typedOption(reasonShape),
    )
    .addHelpText('after', HELP)
    .action(
      act(async ({ db, stripe, actor }, order: string, { because }: { because: string }): Promise<Report> => {
        const id = await orderOf({ db, stripe }, order);
        const closed = await closeOrder(db, id, { because, actor });
        return outcomeOf({
          ok: !isNone(closed),
          data: { order_id: id, ...closed },
          text: tell(id, closed),
        });
      }),
    );

function tell(id: number, closed: Affected): string {
  if (isNone(closed)) return `Order ${id} is owed nothing.`;
  const { fulfillments, notifications } = closed;
  const told = [
    fulfillments > 0 && 'it will not be fulfilled any more by this service',
    notifications > 0 && `${counted(notifications, 'mail')} will not be sent`,
  ].filter(Boolean);
  return `Order ${id}: ${told.join(', and ')}.`;
}
