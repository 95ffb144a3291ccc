// The documentation page: its blocks are the files in examples/, and those do what the page says.

import { env, exports } from 'cloudflare:workers';
import { describe, expect, inject, it, vi } from 'vitest';
import page from '../../npm/README.md?raw';

const upstream = inject('upstream');
const files = import.meta.glob<string>('./examples/*', { query: '?raw', import: 'default', eager: true });

it("has the examples' files as its blocks", () => {
  const blocks = [...page.matchAll(/^```(?:ts|jsonc)\n(.*?)^```$/gms)].map(([, block]) => block).sort();
  expect(blocks).toHaveLength(7);
  expect(blocks).toEqual(Object.values(files).sort());
});

describe('the example', () => {
  it('first', async () => {
    const ordered = await exports.default.fetch('https://my-worker/sales', { method: 'POST' });
    const { requestId } = await ordered.json<{ requestId: string }>();
    await vi.waitFor(async () => {
      const answer = await exports.default.fetch(`https://my-worker/${requestId}`);
      expect(await answer.text()).toBe('200: answer of /sales');
    });
    expect(await (await exports.default.fetch('https://my-worker/another')).text()).toBe('not yet');
  });

  it('payments', async () => {
    const payments = env.PAYMENTS.getByName('main');
    expect(await payments.pay('7', 100)).toBe('pay-7');
    // A repeat starts nothing.
    expect(await payments.pay('7', 100)).toBe('pay-7');
    await vi.waitFor(async () => expect(await payments.state('7')).toEqual({ paid: true, attempts: 3 }), 10_000);
    const hits = await fetch(`${upstream}/hits`, { method: 'POST', body: '/payments' });
    const bodies = (await hits.json<{ body: string }[]>()).map(({ body }) => body);
    expect(bodies).toEqual(Array(3).fill('{"order":"7","cents":100}'));
    await payments.log('a line');
    await vi.waitFor(async () => {
      const lines = await fetch(`${upstream}/hits`, { method: 'POST', body: '/log' });
      expect(await lines.json()).toMatchObject([{ method: 'POST', body: 'a line' }]);
    });
  });

  it('careful', async () => {
    const careful = env.CAREFUL.getByName('main');
    expect(await careful.order(`${upstream}/careful`, 'careful-1')).toBe('taken');
    expect(await careful.order(`${upstream}/another`, 'careful-1')).toBe('no: 409 conflict request_id');
    expect(await careful.order('ftp://example.com/', 'careful-2')).toBe('no: 422 invalid url');
  });

  it('many', async () => {
    const many = env.MANY.getByName('main');
    const { taken, refused } = await many.orderAll([`${upstream}/many`, 'ftp://example.com/', `${upstream}/many`]);
    expect([taken.length, refused.length]).toEqual([2, 1]);
    expect(refused[0]).toContain('url');
    await vi.waitFor(async () => expect(await many.ended()).toBe(2));
  });

  it('spread', async () => {
    const spread = env.SPREAD.getByName('main');
    const id = await spread.order(`${upstream}/hang`);
    expect((await spread.how(id)).state).toBe('in_flight');
    expect(await spread.waiting()).toBe(1);
    await spread.giveUp(id);
    await vi.waitFor(async () => expect(await spread.outcome(id)).toBe('cancelled'));
    await vi.waitFor(async () => expect(await spread.waiting()).toBe(0));
  });
});
