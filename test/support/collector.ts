import { text as bodyOf } from 'node:stream/consumers';
import { serve } from './http.ts';

type Value = { stringValue?: string; intValue?: number; doubleValue?: number; boolValue?: boolean };
type Attribute = { readonly key: string; readonly value: Value };

/** A span as OTLP has it in JSON, its attributes as an object. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  /** `code` 2 is an error. */
  readonly status: { readonly code: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'attributes' | 'resource'> & {
        readonly attributes: readonly Attribute[];
      })[];
    }[];
  }[];
}

interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** What came, as it came. */
  readonly requests: { readonly path: string | undefined; readonly text: string }[];
}

/** An OpenTelemetry collector that keeps what it is sent. */
export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  const requests: Collector['requests'] = [];
  const url = await serve(async (req, res) => {
    const text = await bodyOf(req);
    requests.push({ path: req.url, text });
    for (const { resource, scopeSpans } of (JSON.parse(text) as Export).resourceSpans)
      for (const span of scopeSpans.flatMap(({ spans }) => spans))
        spans.push({
          ...span,
          attributes: objectOf(span.attributes),
          resource: objectOf(resource.attributes),
        });
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return { url, spans, requests };
}

function objectOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
