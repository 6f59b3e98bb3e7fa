import { ageOf } from '../age.ts';
import { counted } from '../counted.ts';
import { LATE_MINUTES } from '../work/standing.ts';
import { type Alert, type Finding, newsOf } from './alert.ts';

/** What a person is told: what it is, and what to do. Ids and numbers, nothing of a customer. */
interface Words {
  readonly title: string;
  readonly what: string;
  readonly todo: string;
}

export function wordsOf(alert: Alert): Words {
  const words = describe(alert);
  if (newsOf(alert) === 'raised') return { ...words, what: `${words.what} Since ${time(alert.raised_at)}.` };
  return {
    title: `Over: ${words.title}`,
    what: `It began at ${time(alert.raised_at)}, and was over at ${time(alert.over_at as Date)}.`,
    todo: leftOf(alert),
  };
}

/**
 * What is left to do. Alerts of what an event says are over a day after the last such event, settled or not. And what a process
 * saw of its deliveries it forgets with a restart, be it one that set another wrong secret.
 */
function leftOf({ cause, details }: Finding): string {
  switch (cause) {
    case 'event_refused':
      return `Is its order there by now? npm run ops -- show ${details.event_id} knows of it, and the table refused_events of the others. If not, ship it by hand.`;
    case 'live_events_ignored':
      return 'Are their orders where they belong? With the live key, npm run ops -- reconcile --since 3d takes those that are not.';
    case 'payments_conflicting':
      return `Has somebody looked at it? npm run ops -- show ${details.order_id} tells of the last one.`;
    case 'webhooks_missed':
      return 'Do webhooks come again? It ends a day after the last order that none brought, mended or not: npm run ops -- doctor asks Stripe about the endpoint.';
    case 'signatures_failing':
      return "Are deliveries answered 200 now? Stripe's Dashboard shows it under Webhooks. A process that was restarted has forgotten the wrong ones, and tells of them again after five more.";
    case 'clock_off':
      return 'Is it right now? npm run ops -- doctor compares the clocks. A process that was restarted has forgotten what it saw, and may see it again.';
    default:
      return 'There is nothing to do.';
  }
}

function describe({ cause, details }: Finding): Words {
  switch (cause) {
    case 'fulfillments_dead':
      return {
        title: `${counted(details.count, 'paid order')} will not be fulfilled without a person`,
        what: `Every attempt failed. The oldest is order ${details.order_id}.`,
        todo: steps(details.order_id, 'dead'),
      };
    case 'notifications_dead':
      return {
        title: `${counted(details.count, 'mail')} to customers will not be sent without a person`,
        what: `Every attempt failed. The oldest is that of order ${details.order_id}.`,
        todo: steps(details.order_id, 'dead'),
      };
    case 'orders_unfulfilled':
      return {
        title: `${counted(details.count, 'paid order')} not fulfilled for more than ${LATE_MINUTES} minutes`,
        what: `The longest has waited for ${ageOf(details.minutes * 60)}. The oldest is order ${details.order_id}.`,
        todo: `Does a worker run, does the receiver at FULFILLMENT_URL answer, does Stripe's API? ${steps(details.order_id)}`,
      };
    case 'payments_conflicting':
      return {
        title: `Stripe says of ${counted(details.count, 'paid order')} that the payment failed`,
        what: `The latest is order ${details.order_id}. Orders stay paid, and are fulfilled.`,
        todo: `Look at the payment in Stripe's Dashboard, and decide by hand: order ${details.order_id} under /ops, or npm run ops -- show ${details.order_id}, says whether it is fulfilled. If it is not to be, close it there, or by npm run ops -- close ${details.order_id} --because "its payment failed"`,
      };
    case 'webhooks_missed':
      return {
        title: `No webhook came for ${counted(details.count, 'order')}`,
        what: `In the last 24 hours reconcile found at Stripe what no webhook had brought, up to half an hour late. The latest is order ${details.order_id}.`,
        todo: 'Is the endpoint there, enabled, and its address right? npm run ops -- doctor asks Stripe, whose Dashboard shows under Webhooks what could not be delivered. After an outage, or a reconcile by hand, there is nothing to do.',
      };
    case 'signatures_failing':
      return {
        title: 'Signatures of webhook deliveries are wrong',
        what: `${details.in_a_row} in a row at ${details.host}, and no right one in between.`,
        todo: `Compare STRIPE_WEBHOOK_SECRET with the endpoint's secret in Stripe's Dashboard: was it rolled, is it that of another endpoint or mode? If it is the right one, a proxy changes the body on its way. Stripe repeats what was refused for three days. If the Dashboard shows no failed deliveries, somebody else sends forged ones; they are refused.`,
      };
    case 'event_refused': {
      const thing = details.event_id.startsWith('cs_') ? 'checkout session' : 'event';
      return {
        title: `The service refuses ${counted(details.count, thing)} of Stripe's`,
        what: `The latest is ${details.event_id}: ${details.reason} What it says is not recorded.`,
        todo: 'If it is a thin event, make an endpoint that sends snapshots, and disable the old one. npm run ops -- reconcile --since 3d takes its order from what Stripe says now, if that can be read. If not, upgrade the service: Stripe repeats each event for three days. The table refused_events names all. Whoever ships by hand sees to it that the order, when it comes, is not shipped again.',
      };
    }
    case 'live_events_ignored':
      return {
        title: `The service ignores ${counted(details.count, 'checkout session')} of live mode`,
        what: `STRIPE_SECRET_KEY is no live key, so nothing of them is fulfilled here. The latest event is ${details.event_id}.`,
        todo: "If this is the live shop, set its live key, restart, and run npm run ops -- reconcile --since 3d, which takes their orders. If it is not, an endpoint of live mode sends here: remove it in Stripe's Dashboard, under Webhooks.",
      };
    case 'reconcile_failing':
      return {
        title: 'Reconcile gets nowhere',
        what: `${details.runs} runs in a row have failed over Stripe's ${details.list === 'events' ? 'events' : 'checkout sessions'}. Meanwhile a payment whose webhook is lost is found late, or not at all.`,
        todo: 'npm run ops -- doctor says whether Stripe can be reached, and whether STRIPE_SECRET_KEY may read what it must. If all is right there, the log of the worker says why: reconcile broke off.',
      };
    case 'clock_off':
      return {
        title: `The clock of ${details.host} is ${Math.abs(details.seconds)} s ${details.seconds > 0 ? 'ahead of' : 'behind'} that of ${details.against}`,
        what: 'From 300 s on, deliveries are refused where it is ahead, and Stripe repeats them for three days. Ahead or behind, the receiver may refuse the calls of this process.',
        todo:
          details.against === 'Stripe'
            ? 'Set it, and see that it is kept (NTP, chrony). If it is right, something on the way holds deliveries back.'
            : "Set the one that is wrong, and see that both are kept (NTP, chrony). If it was the database's, docs/operating.md says under CheckoutClockOff what is left to do.",
      };
  }
}

function steps(orderId: number, again: number | 'dead' = orderId): string {
  return `See why: order ${orderId} under /ops, or npm run ops -- show ${orderId}. Once the reason is gone, try again there, or by npm run ops -- retry ${again}`;
}

const time = (at: Date) => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
