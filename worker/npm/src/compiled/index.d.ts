// The types of what is compiled from Rust: `index.js` and `index_bg.wasm` come beside this file in `dist/`.

/** The object that fetches: export it from the worker that has the binding `PROXY_FETCH_DO`. */
export declare class ProxyFetchDO implements Rpc.DurableObjectBranded {
  [Rpc.__DURABLE_OBJECT_BRAND]: never;
  constructor(ctx: DurableObjectState, env: unknown);
  fetch(request: Request): Promise<Response>;
  alarm(): Promise<void>;
}

/** The Queue variant. */
export declare class ProxyFetchQueue {
  /** Consumes a batch of the queue, or of its dead letters: the worker's `queue` handler. */
  static consume(batch: MessageBatch<unknown>, env: object): Promise<void>;
  /** The message for one request in JSON, to be sent as `bytes`; throws an `Error` whose message is a problem's JSON. */
  static message(json: string, env: object): Uint8Array;
}
