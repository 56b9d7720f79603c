/** How requests follow each other. */
export type Loop =
  /** Each connection sends its next request when it has its answer. */
  | { readonly kind: 'closed' }
  /** By the clock, whatever the answers do; times count from when a request was due, so a stall is not hidden. */
  | { readonly kind: 'open'; readonly perSecond: number };

/** Complete requests, as bytes on the wire, to be sent one after the other and again from the first. */
export interface RequestSet {
  readonly name: string;
  readonly requests: readonly string[];
  /** Digits in the requests that become one higher whenever the set begins anew, so that no request is sent twice. */
  readonly counter?: string;
}

export interface Job {
  readonly port: number;
  /** Name of a request set that was sent before. */
  readonly requestSet: string;
  /** What the body must be: `answers[i % answers.length]` for the request at `i`. */
  readonly answers: readonly object[];
  readonly loop: Loop;
  readonly connections: number;
  readonly seconds: number;
}

export interface LoadResult {
  /** Right answers only. */
  readonly answered: number;
  readonly wrong: number;
  /** What the first wrong one was. */
  readonly complaint: string | undefined;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** How much later than due the generator itself sent (99th percentile); part of the times above. */
  readonly sentLateP99Ms: number;
  /** Share of one core that the generator used; near 1, it was the bottleneck and not the server. */
  readonly generatorBusy: number;
}

export type LoadRequest =
  | { readonly kind: 'requests'; readonly set: RequestSet }
  | { readonly kind: 'job'; readonly id: number; readonly job: Job };

export type LoadAnswer = { readonly id: number } & (
  | { readonly result: LoadResult }
  | { readonly error: string }
);
