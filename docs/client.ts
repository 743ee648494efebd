/** A typed client of Kora Wake: lists the wakes of the last day and the open debounce windows. */
import createClient from 'openapi-fetch';
import type { paths } from './openapi.d.ts';

export async function overview(baseUrl: string, token?: string): Promise<string[]> {
  const kora = createClient<paths>({ baseUrl, ...(token && { headers: { authorization: `Bearer ${token}` } }) });
  const lines: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { window: '24h' as const, limit: 100, ...(cursor && { cursor }) };
    const { data, error } = await kora.GET('/v1/investigations', { params: { query } });
    if (error) throw new Error(error.message);
    lines.push(...data.entries.map((wake) => `${wake.probe}/${wake.category}: ${wake.outcome ?? wake.state}`));
    cursor = data.nextCursor ?? undefined;
  } while (cursor);
  const { data, error } = await kora.GET('/v1/debounce', { params: { query: { limit: 50 } } });
  if (error) throw new Error(error.message);
  return [
    ...lines,
    ...data.entries.map((window) => `${window.probe}/${window.category}: ${window.suppressed} suppressed`),
  ];
}
