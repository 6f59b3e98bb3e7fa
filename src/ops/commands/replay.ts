import { Command } from 'commander';
import { type Describe, outcomeOf, type Report } from '../command.ts';
import { type Replayed, replayEvent } from '../replay.ts';

const HELP = `
The event goes through the state machine as if it were delivered now: an order that it should have made or moved is made or
moved, and fulfilled when that makes it paid. An order that stands where the event puts it, or is paid, is left alone;
what is fulfilled is never fulfilled again (see retry for what is not).

Examples:
  npm run ops -- replay evt_1QzXy2a3b4c5
  psql -c "select id from events_recent where outcome = 'ignored'"   (which there are)`;

export const replay: Describe = (act) =>
  new Command('replay')
    .description('Puts a kept event through the state machine again.')
    .argument('<event>', 'its id, evt_…')
    .addHelpText('after', HELP)
    .action(
      act(async ({ config, db, actor }, event: string): Promise<Report> => {
        const replayed = await replayEvent(db, event, { livemode: config.stripe.livemode, actor });
        const { outcome, order_id, moved_from, moved_to, why_ignored } = replayed;
        return outcomeOf({
          ok: outcome === 'applied' || outcome === 'stale',
          data: { event_id: event, outcome, order_id, moved_from, moved_to, why_ignored },
          text: tell(replayed),
        });
      }),
    );

function tell({ outcome, order_id, moved_from, moved_to, why_ignored }: Replayed): string {
  if (moved_to !== null && moved_from === null) return `Order ${order_id} was made: ${moved_to}.`;
  if (moved_to !== null) return `Order ${order_id} moved: ${moved_from} → ${moved_to}.`;
  if (outcome === 'stale')
    return `Nothing to do: order ${order_id} is where the event would put it, or beyond.`;
  if (outcome === 'conflict')
    return `Order ${order_id} is paid and stays so, but the event says that its payment failed: look at it in Stripe.`;
  return `Nothing was done: ${why_ignored}.`;
}
