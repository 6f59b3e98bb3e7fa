import {
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { messageOf } from '../errors.ts';

/** Its spans are no-ops until an SDK is there: sdk.ts. Attributes are ids and outcomes, never payloads, secrets or addresses. */
const tracer = trace.getTracer('checkout-fulfillment');

/** Where a trace begins: the checkout session that it is about, from which sdk.ts makes the trace's id. */
export const SESSION = createContextKey('checkout session');

/** A span at the top of a session's trace; of a trace of its own, where no session is known. */
export function startSpan(name: string, session: string | undefined, options: SpanOptions): Span {
  const attributes = { ...options.attributes, 'checkout.session_id': session };
  return context.with(ROOT_CONTEXT.setValue(SESSION, session), () =>
    tracer.startSpan(name, { ...options, attributes }),
  );
}

/** What begins during `work` is the span's child. */
export function inside<T>(span: Span, work: () => Promise<T>): Promise<T> {
  return context.with(trace.setSpan(ROOT_CONTEXT, span), work);
}

/** A call to another system, as a child of the span that it is made in. */
export function calling<T>(name: string, call: (span: Span) => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, { kind: SpanKind.CLIENT }, (span) => during(span, () => call(span)));
}

/** The span ends with the work, and is marked where that fails. */
export async function during<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    markFailed(span, messageOf(error));
    throw error;
  } finally {
    span.end();
  }
}

export function markFailed(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

/** The headers (W3C `traceparent`) by which whoever is called goes on with the trace; none where nothing is traced. */
export function traceHeaders(): Record<string, string> {
  const headers = {};
  propagation.inject(context.active(), headers);
  return headers;
}
