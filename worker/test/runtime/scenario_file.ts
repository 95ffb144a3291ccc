// Scenario files: sim/worlds/scenarios/README.md says what stands in them. The simulator has its own reader.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'sim', 'worlds', 'scenarios');

export type Range = [number, number];

export interface Answer {
  afterMs: number;
  kind: 'hangs' | 'breaks' | { status: number; retryAfter: string | undefined; bodyBytes: number };
}

export type Callback = 'answers' | 'throws' | 'hangs';

export interface Request {
  id: string;
  /** The id in the file, which stands for its copies too. */
  base: string;
  /** Without one it is a GET. */
  body: string | undefined;
  options: Record<string, number | boolean>;
  upstream: Answer[];
  callbacks: Callback[];
}

export interface Step {
  atMs: number;
  action: { kind: 'enqueue'; requests: Request[] } | { kind: 'repeat' | 'conflict' | 'cancel'; id: string } | { kind: 'crash' };
  /** `accepted`, `cancelled`, or the code of a problem. */
  reply: string;
}

export interface Expected {
  outcome: string;
  attempts: Range;
  upstreamCalls: Range;
  callbacks: Range;
  gapsMs: number[];
}

export interface Scenario {
  name: string;
  /** Why it cannot be told here. */
  notHere: string | undefined;
  steps: Step[];
  /** By base id. */
  expect: Map<string, Expected>;
  atOnce: Range | undefined;
}

type Json = unknown;

/** An object of which each key must be known. */
class Fields {
  readonly place: string;
  #left: Map<string, Json>;

  constructor(place: string, value: Json) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${place}: ${JSON.stringify(value)} is no object`);
    }
    this.place = place;
    this.#left = new Map(Object.entries(value));
  }

  take(key: string): Json {
    const value = this.#left.get(key);
    this.#left.delete(key);
    return value;
  }

  has(key: string): boolean {
    return this.#left.has(key);
  }

  need<T>(key: string, value: T | undefined): T {
    if (value === undefined) throw new Error(`${this.place}.${key}: is missing`);
    return value;
  }

  #typed<T>(key: string, what: string, is: (value: Json) => value is T): T | undefined {
    const value = this.take(key);
    if (value === undefined || is(value)) return value;
    throw new Error(`${this.place}.${key}: ${JSON.stringify(value)} is not ${what}`);
  }

  text(key: string): string | undefined {
    return this.#typed(key, 'text', (value) => typeof value === 'string');
  }

  number(key: string): number | undefined {
    return this.#typed(key, 'a whole number from 0', isCount);
  }

  truth(key: string): boolean | undefined {
    return this.#typed(key, 'true or false', (value) => typeof value === 'boolean');
  }

  list(key: string): Json[] | undefined {
    return this.#typed(key, 'a list', (value) => Array.isArray(value));
  }

  rest(): [string, Json][] {
    return [...this.#left];
  }

  end(): void {
    for (const key of this.#left.keys()) throw new Error(`${this.place}.${key}: is not known`);
  }
}

const isCount = (value: Json): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** All scenarios, by name. */
export function scenarios(): Scenario[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort();
  return files.map((file) => readScenario(file.slice(0, -'.json'.length), readFileSync(join(FOLDER, file), 'utf8')));
}

export function readScenario(name: string, text: string): Scenario {
  const fields = new Fields(name, JSON.parse(text));
  fields.need('about', fields.text('about'));
  const only = fields.take('only');
  const notHere = only === undefined ? undefined : onlyThere(`${name}.only`, only);
  const steps = fields.need('steps', fields.list('steps')).map((step, n) => readStep(`${name}.steps[${n}]`, step));
  const atOnce = fields.has('at_once') ? count(`${name}.at_once`, fields.take('at_once')) : undefined;
  const expected = new Fields(`${name}.expect`, fields.need('expect', fields.take('expect')));
  fields.end();
  const expect = new Map(expected.rest().map(([id, value]) => [id, readExpected(`${name}.expect.${id}`, value)]));
  const scenario = { name, notHere, steps, expect, atOnce };
  check(scenario);
  return scenario;
}

/** Ids stand for what they should, and time goes on. */
function check({ name, steps, expect }: Scenario): void {
  const known = new Set<string>();
  const accepted: string[] = [];
  let lastMs = 0;
  for (const [n, { atMs, action, reply }] of steps.entries()) {
    const fault = (what: string) => new Error(`${name}.steps[${n}]: ${what}`);
    if (atMs < lastMs) throw fault(`${atMs} ms is before the step before`);
    lastMs = atMs;
    if (action.kind === 'enqueue') {
      for (const { id } of action.requests) {
        if (known.has(id)) throw fault(`${id} is there already`);
        known.add(id);
      }
      if (reply === 'accepted') accepted.push(action.requests[0]?.base ?? '');
    } else if (action.kind !== 'crash' && !(action.kind === 'cancel' && reply === 'not_found')) {
      if (!known.has(action.id)) throw fault(`there is no request ${action.id}`);
    }
  }
  if (accepted.sort().join() !== [...expect.keys()].sort().join()) {
    throw new Error(`${name}.expect: is not about the requests that are accepted: ${accepted.join(', ')}`);
  }
}

function onlyThere(place: string, value: Json): string | undefined {
  const fields = new Fields(place, value);
  const side = fields.need('side', fields.text('side'));
  const why = fields.need('why', fields.text('why'));
  fields.end();
  if (side !== 'sim' && side !== 'workerd') throw new Error(`${place}.side: ${side} is neither sim nor workerd`);
  return side === 'sim' ? why : undefined;
}

function readStep(place: string, value: Json): Step {
  const fields = new Fields(place, value);
  const atMs = fields.need('at_ms', fields.number('at_ms'));
  const actions: [Step['action'], string][] = [];
  const id = fields.text('enqueue');
  if (id !== undefined) actions.push([{ kind: 'enqueue', requests: readEnqueue(fields, id) }, 'accepted']);
  for (const [kind, usual] of [['repeat', 'accepted'], ['conflict', 'conflict'], ['cancel', 'cancelled']] as const) {
    const of = fields.text(kind);
    if (of !== undefined) actions.push([{ kind, id: of }, usual]);
  }
  const crash = fields.truth('crash');
  if (crash !== undefined) {
    if (!crash || fields.has('reply')) throw new Error(`${place}.crash: is true, and nobody replies`);
    actions.push([{ kind: 'crash' }, '']);
  }
  const reply = fields.text('reply');
  fields.end();
  const [first, ...others] = actions;
  if (first === undefined || others.length > 0) {
    throw new Error(`${place}: is not one of enqueue, repeat, conflict, cancel, crash`);
  }
  return { atMs, action: first[0], reply: reply ?? first[1] };
}

function readEnqueue(fields: Fields, base: string): Request[] {
  const copies = fields.number('copies');
  const body = fields.text('body');
  const place = `${fields.place}.upstream`;
  const options = readOptions(`${fields.place}.options`, fields.take('options') ?? {});
  const upstream = (fields.list('upstream') ?? [{ status: 200 }]).map((answer) => readAnswer(place, answer));
  if (upstream.length === 0) throw new Error(`${place}: is empty`);
  const callbacks = (fields.list('callbacks') ?? ['answers']).map((callback) => {
    if (callback === 'answers' || callback === 'throws' || callback === 'hangs') return callback;
    throw new Error(`${fields.place}.callbacks: ${JSON.stringify(callback)} is none of answers, throws, hangs`);
  });
  const ids = copies === undefined ? [base] : Array.from({ length: copies }, (_, n) => `${base}-${n + 1}`);
  return ids.map((id) => ({ id, base, body, options, upstream, callbacks }));
}

function readOptions(place: string, value: Json): Request['options'] {
  const fields = new Fields(place, value);
  const options: Request['options'] = {};
  for (const key of ['timeout_ms', 'max_retries', 'retry_delay_ms', 'max_retry_delay_ms']) {
    const option = fields.number(key);
    if (option !== undefined) options[key] = option;
  }
  for (const key of ['retry_on_5xx', 'at_most_once']) {
    const option = fields.truth(key);
    if (option !== undefined) options[key] = option;
  }
  fields.end();
  return options;
}

function readAnswer(place: string, value: Json): Answer {
  const fields = new Fields(place, value);
  const afterMs = fields.number('after_ms') ?? 0;
  const kinds: Answer['kind'][] = [];
  const status = fields.number('status');
  if (status !== undefined) {
    kinds.push({ status, retryAfter: fields.text('retry_after'), bodyBytes: fields.number('body_bytes') ?? 2 });
  }
  if (fields.truth('hangs') === true) kinds.push('hangs');
  if (fields.truth('breaks') === true) kinds.push('breaks');
  fields.end();
  const [kind, ...others] = kinds;
  if (kind === undefined || others.length > 0) throw new Error(`${place}: an answer is one of status, hangs, breaks`);
  return { afterMs, kind };
}

function readExpected(place: string, value: Json): Expected {
  const fields = new Fields(place, value);
  const outcome = fields.need('outcome', fields.text('outcome'));
  const counted = (key: string) => count(`${place}.${key}`, fields.need(key, fields.take(key)));
  const [attempts, upstreamCalls, callbacks] = [counted('attempts'), counted('upstream_calls'), counted('callbacks')];
  const gapsMs = (fields.list('gaps_ms') ?? []).map((gap) => {
    if (isCount(gap)) return gap;
    throw new Error(`${place}.gaps_ms: ${JSON.stringify(gap)} is not a whole number from 0`);
  });
  fields.end();
  return { outcome, attempts, upstreamCalls, callbacks, gapsMs };
}

/** A number, or the least and the most. */
function count(place: string, value: Json): Range {
  if (isCount(value)) return [value, value];
  if (Array.isArray(value) && value.length === 2) {
    const [least, most] = value as Json[];
    if (isCount(least) && isCount(most) && least <= most) return [least, most];
  }
  throw new Error(`${place}: ${JSON.stringify(value)} is neither a number nor [least, most]`);
}
