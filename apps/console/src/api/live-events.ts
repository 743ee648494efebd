/** Reads at once after a live event, and polls while the page is visible. */
import { addressOf } from './client.ts';
import { hasFault, isUnauthorized, refresh, subscribers } from './resource.ts';
import { LIVE_EVENT_TYPES } from './types.ts';

/** Time between two reads without an open stream, or while a read fails. */
const POLL_MS = 3_000;
/** Time between two reads with an open stream. Some values change without an event, such as the cost. */
export const RARE_POLL_MS = 30_000;
/** Events come in bursts: the page is read once for all events within this time. */
const DEBOUNCE_MS = 200;

let stream: EventSource | undefined;
/** Time of the last poll, by the browser's clock, ms. */
let polledAt = 0;

/** True while events arrive. A stream that ends without a notice is found by the next poll. */
export const isStreaming = () => stream?.readyState === EventSource.OPEN;

function poll(): void {
  if (document.visibilityState !== 'visible' || isUnauthorized()) return;
  polledAt = Date.now();
  // The browser does not reconnect a refused stream (too many listeners, no Redis); `connect` runs after the next read.
  if (stream?.readyState === EventSource.CLOSED) stream = undefined;
  void refresh();
}

function pollIfDue(): void {
  const isRare = isStreaming() && !hasFault();
  if (!isRare || Date.now() - polledAt >= RARE_POLL_MS) poll();
}

/** Starts polling and the live stream. */
export function startReading(): void {
  setInterval(pollIfDue, POLL_MS);
  document.addEventListener('visibilitychange', () => {
    poll();
    connect();
  });
  // A read that finds a wrong token closes the stream: the API counts each reconnect as an attack.
  subscribers.add(connect);
  connect();
}

/** Holds a connection only while the page is visible: a browser allows few per origin, shared by all its tabs. */
function connect(): void {
  if (document.visibilityState !== 'visible' || isUnauthorized()) {
    stream?.close();
    stream = undefined;
    return;
  }
  if (stream) return;
  stream = new EventSource(addressOf('/v1/events'));
  let timer: ReturnType<typeof setTimeout> | undefined;
  // A change before the stream opened has no event on it.
  for (const type of ['open', ...LIVE_EVENT_TYPES]) {
    stream.addEventListener(type, () => {
      clearTimeout(timer);
      timer = setTimeout(poll, DEBOUNCE_MS);
    });
  }
}
