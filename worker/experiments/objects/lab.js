// What every subject of an experiment shares: the way in from outside, and a notebook that survives it.

import { DurableObject } from 'cloudflare:workers';

/** POST /<object>/<method> with the arguments as JSON calls that method. */
export const entry = {
  async fetch(request, env) {
    const [, object, method] = new URL(request.url).pathname.split('/').map(decodeURIComponent);
    const stub = env.SUBJECT.getByName(object);
    try {
      const value = await stub[method](...(await request.json()));
      return Response.json({ value: value ?? null });
    } catch (error) {
      const { name, message, retryable = false, durableObjectReset = false } = error;
      return Response.json({ error: { name, message, retryable, durableObjectReset } });
    }
  },
};

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Keeps the thread for so long. */
export function spin(ms) {
  const end = Date.now() + ms;
  while (Date.now() < end);
}

export class Subject extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.instance = crypto.randomUUID();
    this.remembered = 0;
    this.sql.exec('CREATE TABLE IF NOT EXISTS notes (note TEXT)');
  }

  note(text) {
    this.sql.exec('INSERT INTO notes VALUES (?)', text);
  }

  /** What is in storage. */
  notes() {
    return this.sql.exec('SELECT note FROM notes').toArray().map((row) => row.note);
  }

  /** Which incarnation of the object this is, what it has in memory and in storage. */
  async look() {
    const { instance, remembered } = this;
    return { instance, remembered, notes: this.notes(), alarm: await this.ctx.storage.getAlarm() };
  }
}
