// The worker under test: the page's examples, and the object that the tests call from.

export { ProxyFetchDO } from 'proxy-fetch';
export { Careful } from './examples/careful.ts';
export { Many } from './examples/many.ts';
export { Payments } from './examples/payments.ts';
export { Spread } from './examples/spread.ts';
export { Origin } from './origin.ts';
import first from './examples/first.ts';
import queue, { MyObject } from './examples/queue.ts';

export { MyObject };
export default { ...first, ...queue };
