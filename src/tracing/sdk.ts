import { hash } from 'node:crypto';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { atMost } from '../at-most.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { SESSION } from './spans.ts';

/** What the last spans may take to be sent at the stop; a collector that is away gets none. */
const FLUSH_WITHIN_MS = 1_500;

/**
 * Sends spans to a collector, in batches beside the work; at most 2,048 wait, and what is beyond is dropped. The exporter
 * itself reads OTEL_EXPORTER_OTLP_* (endpoint, headers, timeout, compression, certificates).
 * @param ratio the share of traces that are sampled
 */
export function startTracing({ ratio }: { ratio: number }, log: Logger): { stop(): Promise<void> } {
  const named = resourceFromAttributes({ 'service.name': 'checkout-fulfillment' });
  const detectors = [resourceAttributesEnvDetector, serviceNameEnvDetector];
  const provider = new TracerProvider({
    resource: defaultResource().merge(named).merge(detectResources({ detectors })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    idGenerator: sessionIds(),
    spanProcessors: [new BatchSpanProcessor({ exporter: warning(new OTLPTraceExporter(), log) })],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return {
    async stop() {
      // Why it failed, the exporter has said.
      const flushed = provider.shutdown().catch(() => {});
      await atMost(FLUSH_WITHIN_MS, flushed);
    },
  };
}

/**
 * A session's trace has an id made from the session's: deliveries, and attempts hours later in other processes, meet in
 * one trace although nothing hands its id on. A sampler decides by the id too, so a trace is whole or not there.
 */
function sessionIds(): IdGenerator {
  const random = new RandomIdGenerator();
  return {
    generateTraceId() {
      const session = context.active().getValue(SESSION);
      return typeof session === 'string' ? hash('sha256', session).slice(0, 32) : random.generateTraceId();
    },
    generateSpanId: () => random.generateSpanId(),
  };
}

/** Says once that spans are lost, and again only after it has gone well in between. */
function warning(exporter: SpanExporter, log: Logger): SpanExporter {
  let failing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        if (failed && !failing)
          log.warn({ reason: messageOf(result.error) }, 'traces can not be sent: their spans are dropped');
        failing = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
