/** Loaded before a program: its clock is off by so much. Timers and the monotonic clock run on, as after a wrong `date`. */
const shift = Number(process.env.CLOCK_SHIFT_MS);
const now = Date.now;

Date.now = () => now() + shift;
globalThis.Date = new Proxy(Date, {
  construct: (RealDate, args, target) =>
    Reflect.construct(RealDate, args.length === 0 ? [RealDate.now()] : args, target),
});
