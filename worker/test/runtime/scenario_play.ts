// Plays a scenario on the real runtime, and judges what became of it.

import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import { killRecorded } from './records.ts';
import type { Answer, Callback, Expected, Range, Request, Scenario } from './scenario_file.ts';

/** More at the upstream is wrong in any story. */
const MAX_AT_ONCE: Range = [0, 5];
/** What two clocks may differ by, in ms. */
const CLOCKS_MS = 5;
/** What has not come by then never will. */
const PATIENCE_MS = 15_000;
/** Whatever comes late, or once too often, comes within this. */
const SETTLE_MS = 150;

/** What became of a request. */
export interface Ended {
  request: Request;
  outcome: string;
  attempts: number;
  /** When calls of it reached the upstream. */
  arrivals: number[];
  called: number;
  /** What its origin was told, if it was not called in vain. */
  told: string[];
}

export interface Played {
  ended: Ended[];
  atOnce: number;
  /** Wrong replies. */
  problems: string[];
}

interface Actor {
  request: Request;
  /** Its name in the object, among the requests of all scenarios. */
  requestId: string;
  url: string;
  callback: { binding: string; object: string; method: string } | undefined;
}

/** The nth of a list, from 1; the last one is for ever. */
const nth = <T>(list: T[], n: number): T => list[Math.min(n, list.length) - 1] as T;

class Play {
  readonly bench: Bench;
  readonly scenario: Scenario;
  readonly problems: string[] = [];
  atOnce = 0;
  #now = 0;
  #actors = new Map<string, Actor>();

  constructor(bench: Bench, scenario: Scenario) {
    this.bench = bench;
    this.scenario = scenario;
  }

  get #object(): string {
    return `scenario-${this.scenario.name}`;
  }

  /** Upstream and origin of each request, which do what the file says. */
  async prepare(): Promise<void> {
    const requests = this.scenario.steps.flatMap(({ action }) => (action.kind === 'enqueue' ? action.requests : []));
    await Promise.all(requests.map((request) => this.#prepare(request)));
  }

  async #prepare(request: Request): Promise<void> {
    const { upstream, runtime } = this.bench;
    const requestId = `${this.scenario.name}.${request.id}`;
    const url = upstream.on(`/upstream/${requestId}`, (_, response, n) => {
      this.#now += 1;
      this.atOnce = Math.max(this.atOnce, this.#now);
      response.on('close', () => (this.#now -= 1));
      return answer(nth(request.upstream, n), response);
    });
    let callback: Actor['callback'];
    if (request.callbacks.length > 0) {
      // The origin asks what it is to do before it answers, each one at an address of its own.
      const asks = upstream.on(`/origin/${requestId}`, (_, response, n) => act(nth(request.callbacks, n), response));
      await fetch(`${runtime.url}/origin/${requestId}/again`, { method: 'POST', body: asks });
      const object = (await this.bench.get(`/origin/${requestId}/id`)) as string;
      callback = { binding: 'ORIGIN', object, method: 'onSlow' };
    }
    this.#actors.set(request.id, { request, requestId, url, callback });
  }

  async run(): Promise<void> {
    let beforeMs = 0;
    for (const [n, { atMs, action, reply }] of this.scenario.steps.entries()) {
      // A slow reply delays all that follows: what is to happen in between has its time.
      await sleep(atMs - beforeMs);
      beforeMs = atMs;
      if (action.kind === 'crash') {
        await killRecorded(this.bench.runtime);
        await this.bench.runtime.start();
        continue;
      }
      const ids = action.kind === 'enqueue' ? action.requests.map(({ id }) => id) : [action.id];
      const replies = await Promise.all(ids.map((id) => this.#ask(action.kind, id)));
      for (const got of replies) {
        if (got !== reply) this.problems.push(`step ${n}, ${action.kind}: the reply is ${got}, not ${reply}`);
      }
    }
  }

  async #ask(kind: 'enqueue' | 'repeat' | 'conflict' | 'cancel', id: string): Promise<string> {
    const actor = this.#actors.get(id);
    const requestId = encodeURIComponent(actor?.requestId ?? `${this.scenario.name}.${id}`);
    if (kind === 'cancel' || actor === undefined) {
      const { status, json } = await this.bench.call('DELETE', `/v1/fetches/${requestId}`, undefined, this.#object);
      return status === 200 ? json.outcome : json.code;
    }
    const { url, callback, request } = actor;
    const body = {
      request_id: actor.requestId,
      url: kind === 'conflict' ? `${url}?different` : url,
      ...(callback === undefined ? {} : { callback }),
      ...(request.body === undefined ? {} : { method: 'POST', body: request.body }),
      options: request.options,
    };
    const { status, json } = await this.bench.call('POST', '/v1/fetches', body, this.#object);
    return status === 202 ? 'accepted' : json.code;
  }

  /** Waits for all to end. At first nobody asks the object: it must have woken by itself. */
  async end(): Promise<Ended[]> {
    const actors = [...this.#actors.values()].filter(({ request }) => this.scenario.expect.has(request.base));
    const called = ({ requestId }: Actor) => this.bench.upstream.hitsOf(`/origin/${requestId}`).length;
    const isTold = (actor: Actor) => called(actor) >= (this.scenario.expect.get(actor.request.base)?.callbacks[0] ?? 0);
    for (const until = Date.now() + PATIENCE_MS; !actors.every(isTold) && Date.now() < until; ) await sleep(10);
    const states = await Promise.all(actors.map((actor) => this.#finished(actor)));
    await sleep(SETTLE_MS);
    return Promise.all(actors.map(async (actor, n) => {
      const state = states[n];
      const { request, requestId } = actor;
      const arrivals = this.bench.upstream.hitsOf(`/upstream/${requestId}`).map(({ at }) => at);
      const detail = state.response === undefined ? state.error : state.response.status;
      const outcome = state.outcome === 'response' ? `response ${detail}` : state.outcome === 'failed' ? `failed: ${detail}` : state.outcome;
      const told = (await this.#items(requestId)).map(({ response, error }) => {
        return response === undefined ? `${error?.code}` : `response ${response.status}`;
      });
      return { request, outcome, attempts: state.attempts, arrivals, called: called(actor), told };
    }));
  }

  #finished({ requestId }: Actor): Promise<any> {
    return this.bench.until(async () => {
      const path = `/v1/fetches/${encodeURIComponent(requestId)}`;
      const { json } = await this.bench.call('GET', path, undefined, this.#object);
      return json.state === 'finished' ? json : undefined;
    }, PATIENCE_MS);
  }

  async #items(requestId: string): Promise<{ response?: { status: number }; error?: { code: string } }[]> {
    return (await this.bench.get(`/origin/${requestId}/items`)) as { response?: { status: number }; error?: { code: string } }[];
  }
}

async function answer({ afterMs, kind }: Answer, response: ServerResponse): Promise<void> {
  if (kind === 'hangs') return;
  await sleep(afterMs);
  if (kind === 'breaks') {
    response.destroy();
    return;
  }
  response.writeHead(kind.status, kind.retryAfter === undefined ? {} : { 'retry-after': kind.retryAfter });
  response.end(Buffer.alloc(kind.bodyBytes, 'x'));
}

function act(callback: Callback, response: ServerResponse): void {
  if (callback === 'answers') response.end();
  if (callback === 'throws') {
    // The answer breaks off, so that the origin's method throws. Without its head workerd would ask again.
    response.writeHead(200, { 'content-length': 100 });
    response.write('half', () => response.destroy());
  }
}

export async function play(bench: Bench, scenario: Scenario): Promise<Played> {
  const playing = new Play(bench, scenario);
  await playing.prepare();
  await playing.run();
  const ended = await playing.end();
  return { ended, atOnce: playing.atOnce, problems: playing.problems };
}

/** What is not as expected, in words. */
export function judge(scenario: Scenario, played: Played): string[] {
  const problems = [...played.problems];
  const within = (what: string, got: number, [least, most]: Range) => {
    if (got < least || got > most) problems.push(`${what}: ${got}, not ${least} to ${most}`);
  };
  for (const ended of played.ended) {
    const { outcome, attempts, upstreamCalls, callbacks, gapsMs } = scenario.expect.get(ended.request.base) as Expected;
    const { id } = ended.request;
    if (ended.outcome !== outcome) problems.push(`${id}: the outcome is ${ended.outcome}, not ${outcome}`);
    within(`${id}: attempts`, ended.attempts, attempts);
    within(`${id}: calls at the upstream`, ended.arrivals.length, upstreamCalls);
    within(`${id}: callbacks`, ended.called, callbacks);
    for (const told of ended.told) {
      if (told !== outcome.replace('failed: ', '')) problems.push(`${id}: the origin is told ${told}, not ${outcome}`);
    }
    for (const [n, gapMs] of gapsMs.entries()) {
      const got = (ended.arrivals[n + 1] ?? Number.NaN) - (ended.arrivals[n] ?? Number.NaN);
      if (Number.isNaN(got)) problems.push(`${id}: there is no call ${n + 2} at the upstream`);
      else if (got + CLOCKS_MS < gapMs) problems.push(`${id}: ${got} ms before call ${n + 2}, not ${gapMs}`);
    }
  }
  within('at once at the upstream', played.atOnce, MAX_AT_ONCE);
  if (scenario.atOnce !== undefined) within('at once at the upstream', played.atOnce, scenario.atOnce);
  return problems;
}
