/** The `fetch` of the LLM adapter. It tells answers of the API from pages of a proxy, and follows no redirect. */
import { parsedJson } from '@kora-wake/shared/wake/json';

/** A page instead of JSON: an edge or a proxy answered, not the API. It may pass. */
export class ServerPage extends Error {
  override name = 'ServerPage';
  readonly status: number;
  readonly headers: Headers;
  /** The page's title, or ''. */
  readonly title: string;

  constructor(response: Response, page: string) {
    // The SDK searches this message for words, so it has none of the page's.
    super('a page instead of JSON');
    this.status = response.status;
    this.headers = response.headers;
    this.title = TITLE.exec(page.slice(0, MAX_HEAD))?.[1]?.trim() ?? '';
  }
}

/** The title is near the beginning; characters. */
const MAX_HEAD = 10_000;
const TITLE = /<title[^<>]{0,200}>([^<]{0,300})/i;

/** @returns a `fetch` that rejects with {@link ServerPage} for a page; a redirect is an answer like any other */
export function checkedFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    // A redirect would carry the prompt, and perhaps the credential, to a server that nobody configured.
    const response = await fetch(input, { ...init, redirect: 'manual' });
    const { status, statusText, headers } = response;
    const isRedirect = status >= 300 && status < 400;
    if (isRedirect || (response.ok && isJson(headers))) return response;
    const text = await response.text();
    if (/^\s*</.test(text)) throw new ServerPage(response, text);
    // The SDK would mix plain text with its own words.
    const body = response.ok || parsedJson(text) !== undefined ? text : JSON.stringify({ message: text });
    return new Response(body, { status, statusText, headers });
  };
}

function isJson(headers: Headers): boolean {
  return headers.get('content-type')?.includes('json') === true;
}
