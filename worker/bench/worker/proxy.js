// Calls to our object, as its own clients make them.

const AT = 'https://proxy-fetch/v1';

export async function handIn(env, name, requests) {
  const init = { method: 'POST', body: JSON.stringify(requests) };
  const response = await env.PROXY_FETCH_DO.getByName(name).fetch(`${AT}/fetches`, init);
  const said = await response.text();
  if (!response.ok) throw new Error(said);
  // An array is answered with 200 and an answer for each.
  if (Array.isArray(requests)) {
    const refused = JSON.parse(said).find(({ request_id, status }) => request_id === undefined || status !== undefined);
    if (refused !== undefined) throw new Error(JSON.stringify(refused));
  }
}

export async function fill(env, name, count, url) {
  for (let at = 0; at < count; at += 100) {
    const length = Math.min(100, count - at);
    await handIn(env, name, Array.from({ length }, (_, n) => ({ url, request_id: `fill-${at + n}` })));
  }
}

export function stats(env, name) {
  return env.PROXY_FETCH_DO.getByName(name).fetch(`${AT}/stats`);
}
