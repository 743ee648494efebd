/** Polls while the page is visible, and reads at once after a live event. */
import { addressOf } from './client.ts';
import { isUnauthorized, refresh, subscribers } from './resource.ts';
import { LIVE_EVENT_TYPES } from './types.ts';

const POLL_MS = 3_000;
/** Events come in bursts: the page is read once for all events within this time. */
const DEBOUNCE_MS = 200;

let stream: EventSource | undefined;

function poll(): void {
  if (document.visibilityState !== 'visible' || isUnauthorized()) return;
  // The browser does not reconnect a refused stream (too many listeners, no Redis); `connect` runs after the next read.
  if (stream?.readyState === EventSource.CLOSED) stream = undefined;
  void refresh();
}

/** Starts polling and the live stream. Polling continues next to the stream, which may end without a notice. */
export function startReading(): void {
  setInterval(poll, POLL_MS);
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
  for (const type of LIVE_EVENT_TYPES) {
    stream.addEventListener(type, () => {
      clearTimeout(timer);
      timer = setTimeout(poll, DEBOUNCE_MS);
    });
  }
}
