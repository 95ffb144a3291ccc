// What the object does through JavaScript, each as one crossing from wasm: a commit, a restore, a fetch, a callback.
// Bodies of responses stay on this side; wasm sees their status only.

/** The most rows in one statement: 32 rows with 2 parameters each, under the platform's limit of 100. */
const MAX_ROWS_PER_STATEMENT = 32;
/** Table, or payload, and whether the row is written or removed: as sql.rs packs it. */
const PUT_ROW = 0, DELETE_ROW = 1, PUT_PAYLOAD = 2, DELETE_PAYLOAD = 3;

const SQL = [
  { head: 'INSERT OR REPLACE INTO proxy_fetch_rows (key, value) VALUES ', each: '(?,?)', tail: '' },
  { head: 'DELETE FROM proxy_fetch_rows WHERE key IN (', each: '?', tail: ')' },
  { head: 'INSERT OR REPLACE INTO proxy_fetch_payloads (key, value) VALUES ', each: '(?,?)', tail: '' },
  { head: 'DELETE FROM proxy_fetch_payloads WHERE key IN (', each: '?', tail: ')' },
];
const statements = new Map();

/** At most 128 texts of at most 300 bytes: the runtime's cache of prepared statements (1 MiB) holds them all. */
function statement(kind, rows) {
  const name = kind * 64 + rows;
  let text = statements.get(name);
  if (text === undefined) {
    const { head, each, tail } = SQL[kind];
    text = head + Array(rows).fill(each).join(',') + tail;
    statements.set(name, text);
  }
  return text;
}

/** Creates the tables of a new object: without row ids, one tree less each to write. */
export function createTables(storage) {
  for (const table of ['proxy_fetch_rows', 'proxy_fetch_payloads']) {
    storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS ${table} (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID`
    );
  }
}

/** Commits packed writes, and the alarm if there is one, all or nothing. `packed` lies in wasm's memory. */
export function commit(storage, packed, alarm) {
  storage.transactionSync(() => {
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
    const bindings = [[], [], [], []];
    for (let at = 0; at < packed.length; ) {
      const kind = packed[at];
      const keyBytes = packed[at + 1];
      at += 2;
      const list = bindings[kind];
      list.push(packed.slice(at, at + keyBytes));
      at += keyBytes;
      if (kind === PUT_ROW || kind === PUT_PAYLOAD) {
        const length = view.getUint32(at, true);
        at += 4;
        list.push(packed.slice(at, at + length));
        at += length;
      }
    }
    for (const kind of [PUT_ROW, DELETE_ROW, PUT_PAYLOAD, DELETE_PAYLOAD]) {
      const list = bindings[kind];
      const width = kind === PUT_ROW || kind === PUT_PAYLOAD ? 2 : 1;
      for (let at = 0; at < list.length; ) {
        const rows = Math.min(MAX_ROWS_PER_STATEMENT, (list.length - at) / width);
        storage.sql.exec(statement(kind, rows), ...list.slice(at, at + rows * width));
        at += rows * width;
      }
    }
    // Not awaited: it belongs to this turn's transaction, and fails only with that, which resets the object.
    if (alarm !== undefined) storage.setAlarm(alarm);
  });
}

/** All rows but payloads, packed as [key length, key, value length, value]. */
export function readRows(storage) {
  const rows = storage.sql.exec('SELECT key, value FROM proxy_fetch_rows').raw().toArray();
  let bytes = 0;
  for (const [key, value] of rows) bytes += 5 + key.byteLength + value.byteLength;
  const packed = new Uint8Array(bytes);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const [key, value] of rows) {
    packed[at] = key.byteLength;
    packed.set(new Uint8Array(key), at + 1);
    at += 1 + key.byteLength;
    view.setUint32(at, value.byteLength, true);
    packed.set(new Uint8Array(value), at + 4);
    at += 4 + value.byteLength;
  }
  return packed;
}

export function readPayload(storage, key) {
  for (const [value] of storage.sql.exec('SELECT value FROM proxy_fetch_payloads WHERE key = ?', key.slice()).raw()) {
    return new Uint8Array(value);
  }
  return undefined;
}

/** Ends this instance; the next event constructs another one from what is stored. */
export function reset(ctx, why) {
  ctx.abort(why);
}

/** The objects that wasm was ever given, in whatever instance of wasm. */
const born = new WeakSet();
/** Those that may still be there. */
let objects = [];

/**
 * Takes an object into care. A panic throws the whole instance of wasm away, and the next call of any of its objects
 * constructs it again inside the old JavaScript object, whose callers would wait for ever.
 * @returns false if this object was there before.
 */
export function watch(ctx) {
  if (born.has(ctx)) return false;
  born.add(ctx);
  objects = objects.filter((object) => object.deref() !== undefined);
  objects.push(new WeakRef(ctx));
  return true;
}

/** Ends all objects, as far as the one that runs may end the others. */
export function resetAll(why) {
  for (const object of objects) {
    try {
      object.deref()?.abort(why);
    } catch (error) {
      console.error(`proxy-fetch: ${error}`);
    }
  }
}

/** Calls back into wasm once, later. */
export function later(delayMs, callback) {
  setTimeout(callback, delayMs);
}

/**
 * The whole body up to a bound, without a copy where its length is known before.
 * @returns an ArrayBuffer, or undefined if it is longer.
 */
export async function readBody(message, maxBytes) {
  const { body, headers } = message;
  if (body === null) return new ArrayBuffer(0);
  const declared = headers.get('content-length');
  if (declared !== null && !headers.has('content-encoding')) {
    if (Number(declared) > maxBytes) {
      await cancel(body);
      return undefined;
    }
    return message.arrayBuffer();
  }
  const chunks = [];
  let bytes = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > maxBytes) {
      await cancel(reader);
      return undefined;
    }
    chunks.push(value);
  }
  if (chunks.length === 1 && chunks[0].byteLength === chunks[0].buffer.byteLength) return chunks[0].buffer;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole.buffer;
}

/** Nobody wants the rest; that telling so fails changes nothing. */
async function cancel(body) {
  try {
    await body.cancel();
  } catch (error) {
    console.debug(`proxy-fetch: a body could not be cancelled: ${error}`);
  }
}

/** Which field names are end to end, as wasm said: upstreams use the same few. */
const fields = new Map();

function known(name, isEndToEnd) {
  let answer = fields.get(name);
  if (answer === undefined) {
    if (fields.size === 256) fields.clear();
    fields.set(name, (answer = isEndToEnd(name)));
  }
  return answer;
}

/** One attempt: its clock, and the response that it ends with. */
export class Flight {
  #controller = new AbortController();
  #timer;
  #timedOut = false;
  #response;
  #headers;
  #body;

  constructor(timeoutMs) {
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, timeoutMs);
  }

  abort() {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  /**
   * One hop. Ends with a response that is read, with a redirect that wasm judges, or with a failure's name.
   * @param headers pairs of a name and a value.
   */
  async hop(method, url, headers, body, maxBodyBytes, maxHeadBytes) {
    let request;
    try {
      request = new Request(url, { method, headers, body, redirect: 'manual', signal: this.#controller.signal });
    } catch (error) {
      console.warn(`proxy-fetch: no request can be made of what is stored: ${error}`);
      return { failure: 'unreadable_request' };
    }
    let response;
    try {
      response = await fetch(request);
    } catch (error) {
      return this.#failed('connection_broken', url, error);
    }
    const { status } = response;
    const location = status >= 301 && status <= 308 ? response.headers.get('location') : null;
    if (location !== null) {
      if (response.body !== null) await cancel(response.body);
      return { status, location };
    }
    let headBytes = 0;
    this.#headers = [...response.headers];
    for (const [name, value] of this.#headers) headBytes += name.length + value.length;
    if (headBytes > maxHeadBytes || status < 200 || status > 599) {
      if (response.body !== null) await cancel(response.body);
      return { failure: 'bad_response_head' };
    }
    try {
      this.#body = response.body === null ? null : await readBody(response, maxBodyBytes);
    } catch (error) {
      return this.#failed('body_broken', url, error);
    }
    if (this.#body === undefined) return { failure: 'body_too_large' };
    this.#response = response;
    return { status, retryAfter: response.headers.get('retry-after')?.slice(0, 64) };
  }

  #failed(failure, url, error) {
    if (this.#timedOut) return { failure: 'timed_out' };
    console.debug(`proxy-fetch: ${url}: ${error}`);
    return { failure };
  }

  /** No hop follows. */
  land() {
    clearTimeout(this.#timer);
  }

  get status() {
    return this.#response.status;
  }

  /** Names and values in turn. */
  get headers() {
    return this.#headers.flat();
  }

  get body() {
    return new Uint8Array(this.#body ?? new ArrayBuffer(0));
  }

  /** The response as the origin gets it, without the fields that belonged to the connection. */
  toResponse(isEndToEnd) {
    const headers = this.#headers.filter(([name]) => known(name, isEndToEnd));
    return new Response(this.#body, { status: this.#response.status, headers });
  }
}

/** The promise's end, or a rejection at the time-out. */
async function within(timeoutMs, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The objects that one object, or one batch of the queue, calls back. The calls to one of them share a stub, which costs
 * as much as half a call. Once no call uses it, it is given up, since it would keep the origin in memory; so it is after
 * a failure, since then it is of no use.
 */
export class Origins {
  #env;
  #stubs = new Map();

  constructor(env) {
    this.#env = env;
  }

  async #call(binding, object, timeoutMs, call) {
    const key = `${binding}/${object}`;
    let used = this.#stubs.get(key);
    if (used === undefined) {
      const namespace = this.#env[binding];
      if (namespace === undefined) throw new Error(`there is no binding ${binding}`);
      const id = /^[0-9a-f]{64}$/.test(object) ? namespace.idFromString(object) : namespace.idFromName(object);
      this.#stubs.set(key, (used = { stub: namespace.get(id), calls: 0 }));
    }
    used.calls += 1;
    let isOfUse = false;
    try {
      const result = await within(timeoutMs, call(used.stub));
      isOfUse = true;
      return result;
    } finally {
      used.calls -= 1;
      if ((!isOfUse || used.calls === 0) && this.#stubs.get(key) === used) this.#stubs.delete(key);
    }
  }

  /** Calls a method. Resolves if it returned. */
  async callMethod(binding, object, method, item, timeoutMs) {
    const result = await this.#call(binding, object, timeoutMs, (stub) => stub[method](item));
    // Its answer is not wanted; what it holds of the origin is given back.
    result?.[Symbol.dispose]?.();
  }

  /** Posts to a path. Resolves if it answered with 2xx. */
  async post(binding, object, path, json, timeoutMs) {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: json };
    const response = await this.#call(binding, object, timeoutMs, (stub) =>
      stub.fetch(`https://proxy-fetch${path}`, init)
    );
    if (response.body !== null) await cancel(response.body);
    if (!response.ok) throw new Error(`the origin answered ${response.status}`);
  }
}

/** What the origin's method is given. */
export function item(requestId, attempts, durationMs, response, code, message) {
  const item = { requestId, attempts, durationMs };
  if (response !== undefined) item.response = response;
  if (code !== undefined) item.error = { code, message };
  return item;
}
