export { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
export { createLogger, type Logger } from './logger';
export { type ProbeOptions, startProbes } from './probe-server';
export { failSpan, otlpExporter, type Span, startTracing, type Tracing } from './tracing';
