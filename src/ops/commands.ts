import type { Describe } from './command.ts';
import { close } from './commands/close.ts';
import { doctor } from './commands/doctor.ts';
import { endpoint } from './commands/endpoint.ts';
import { erase } from './commands/erase.ts';
import { orders } from './commands/orders.ts';
import { reconcile } from './commands/reconcile.ts';
import { replay } from './commands/replay.ts';
import { retry } from './commands/retry.ts';
import { show } from './commands/show.ts';

/** In the order of the help. */
export const commands: readonly Describe[] = [
  orders,
  show,
  retry,
  close,
  replay,
  reconcile,
  doctor,
  erase,
  endpoint,
];
