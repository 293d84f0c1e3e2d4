import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Counter as CounterPort, Gauge as GaugePort, Histogram as HistogramPort, MetricsRegister } from '../primitives/ports.ts'

/** Defaults of prom-client that Prometheus' own linter refuses: gauges named like counters. */
const MISNAMED_DEFAULTS = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/**
 * Metrics of one node, kept in a registry of its own. Asking again for a name gives the metric that exists, so that two parts may share
 * one; its labels must be the same (prom-client refuses unknown labels at use).
 */
export class PrometheusRegister implements MetricsRegister {
  readonly #registry = new Registry()

  /** `processMetrics`: memory, CPU, event loop delay and garbage collection of the process. */
  constructor(options: { readonly processMetrics: boolean }) {
    if (!options.processMetrics) return
    collectDefaultMetrics({ register: this.#registry })
    for (const name of MISNAMED_DEFAULTS) this.#registry.removeSingleMetric(name)
  }

  counter(name: string, help: string, labels: readonly string[] = []): CounterPort {
    const existing = this.#registry.getSingleMetric(name)
    const metric = existing instanceof Counter ? existing : new Counter({ name, help, labelNames: [...labels], registers: [this.#registry] })
    return { inc: (values = {}, value = 1) => metric.inc(values, value) }
  }

  gauge(name: string, help: string, labels: readonly string[] = []): GaugePort {
    const existing = this.#registry.getSingleMetric(name)
    const metric = existing instanceof Gauge ? existing : new Gauge({ name, help, labelNames: [...labels], registers: [this.#registry] })
    return { set: (value, values = {}) => metric.set(values, value) }
  }

  histogram(name: string, help: string, buckets: readonly number[], labels: readonly string[] = []): HistogramPort {
    const existing = this.#registry.getSingleMetric(name)
    const metric = existing instanceof Histogram ? existing : new Histogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers: [this.#registry] })
    return { observe: (value, values = {}) => metric.observe(values, value) }
  }

  /** Content type of `text`. */
  get contentType(): string {
    return this.#registry.contentType
  }

  /** All metrics in the Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }
}
