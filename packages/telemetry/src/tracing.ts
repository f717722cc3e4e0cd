import { type Context, context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';

export type { Span };

export interface Tracing {
  /** Starts a span as a child of the trace in `carrier` (request metadata or headers), or a new trace. */
  start(
    name: string,
    carrier: Readonly<Record<string, string>>,
    attributes?: Record<string, string | number>,
  ): Span;
  /** The headers that carry `span` to the next service. */
  carry(span: Span): Record<string, string>;
  stop(): Promise<void>;
}

const propagator = new W3CTraceContextPropagator();
const getter = { get: (c: Readonly<Record<string, string>>, key: string) => c[key], keys: Object.keys };
const setter = {
  set: (c: Record<string, string>, key: string, value: string) => {
    c[key] = value;
  },
};

/**
 * W3C trace context in and out. Spans are exported only where an exporter is given; without one they cost a few
 * objects and still pass the caller's context on.
 */
export function startTracing(service: string, exporter: SpanExporter | undefined): Tracing {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: exporter ? [new BatchSpanProcessor(exporter)] : [],
  });
  const tracer = provider.getTracer('zen');
  return {
    start(name, carrier, attributes = {}) {
      const parent: Context = propagator.extract(context.active(), carrier, getter);
      return tracer.startSpan(name, { attributes }, parent);
    },
    carry(span) {
      const carrier: Record<string, string> = {};
      propagator.inject(trace.setSpan(context.active(), span), carrier, setter);
      return carrier;
    },
    stop: () => provider.shutdown(),
  };
}

/** OTLP over HTTP to `endpoint` (OTEL_EXPORTER_OTLP_ENDPOINT's form), or none. */
export function otlpExporter(endpoint: string | undefined): SpanExporter | undefined {
  if (endpoint === undefined) return undefined;
  // Loaded only where it is used: it costs a service 100 ms of its start.
  const { OTLPTraceExporter } =
    require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http');
  return new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
}

/** Ends a span as failed; the message must hold no user text. */
export function failSpan(span: Span, message: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}
