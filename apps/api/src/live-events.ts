/** The live events: reads the event stream of Redis once for all subscribers of this process, and sends them each event. */
import type { ServerResponse } from 'node:http';
import { errorFields } from '@kora-wake/shared/runtime/log';
import { type LogTarget, logEvent } from '@kora-wake/shared/runtime/log-events';
import { isKept, lastEventId, readEvents } from '@kora-wake/shared/store/events';
import { dropEnded, type WindowStore } from '@kora-wake/shared/store/windows';
import { drained, frameOf, writeHeartbeat } from './event-stream.ts';

/** A subscriber with more unread bytes than this is dropped. It reconnects and resumes after its last event. */
const MAX_UNREAD_BYTES = 256 * 1024;
/** Events per read. */
const PAGE = 100;
/** Proxies close a connection that is silent for long, ms. */
const HEARTBEAT_MS = 15_000;
/** Time between two reads while there are subscribers, ms. */
const READ_MS = 250;
/** Time between two searches for windows that have ended, ms. */
const EXPIRY_MS = 1_000;

interface Subscriber {
  response: ServerResponse;
  /** Id of the last event that it was sent. */
  after: string;
  /** True once it has caught up: it then gets each event together with the others. */
  isLive: boolean;
}

/** The place at which a new subscriber begins. */
interface Start {
  /** Id of an event: the subscriber gets the events after it. */
  after: string;
  /** True if events after the last one that the subscriber received are no longer stored. */
  hasGap: boolean;
}

export interface LiveEvents {
  /** Finds the place for a new subscriber. @param resumed id of the last event that it received */
  start(resumed: string | undefined): Promise<Start>;
  /** Sends events to a response until either side closes it. */
  subscribe(response: ServerResponse, after: string): void;
  /** Ends all streams, and those that begin later. */
  close(): void;
}

export function liveEvents(store: WindowStore, log: LogTarget): LiveEvents {
  const { redis, keys } = store;
  const subscribers = new Set<Subscriber>();
  let timers: NodeJS.Timeout[] = [];
  let isReading = false;
  let isClosed = false;
  /** Id after which the next read begins. */
  let after = '$';

  const logFailure = (error: unknown) => logEvent(log, 'api.events_unreadable', errorFields(error));

  async function readNew(): Promise<void> {
    if (isReading) return;
    isReading = true;
    try {
      // One page at a time: a subscriber that reads has then read them before the next page.
      for (let hasMore = true; hasMore; ) {
        const read = await readEvents(redis, keys, after, PAGE);
        for (const event of read.events) {
          const frame = frameOf(event);
          for (const subscriber of subscribers) if (subscriber.isLive) send(subscriber, event.id, frame);
        }
        ({ last: after, more: hasMore } = read);
      }
    } catch (error) {
      logFailure(error);
      // A stream that gets no events must not look open: a console with an open stream reads rarely.
      endAll();
    } finally {
      isReading = false;
    }
  }

  function send(subscriber: Subscriber, id: string, frame: string): void {
    if (!isLater(id, subscriber.after)) return;
    if (subscriber.response.writableLength > MAX_UNREAD_BYTES) drop(subscriber);
    else write(subscriber, id, frame);
  }

  /** Returns true if more may be written at once. */
  function write(subscriber: Subscriber, id: string, frame: string): boolean {
    subscriber.after = id;
    return subscriber.response.write(frame);
  }

  function endAll(): void {
    for (const subscriber of subscribers) {
      remove(subscriber);
      subscriber.response.end();
    }
  }

  function drop(subscriber: Subscriber): void {
    remove(subscriber);
    subscriber.response.destroy();
  }

  /** Sends a subscriber the events that it missed, as fast as it reads, until it is as far as the live ones. */
  async function catchUp(subscriber: Subscriber): Promise<void> {
    while (subscribers.has(subscriber)) {
      const others = after;
      const missed = await readEvents(redis, keys, subscriber.after, PAGE);
      for (const event of missed.events) {
        if (!write(subscriber, event.id, frameOf(event)) && !(await drained(subscriber.response)))
          return drop(subscriber);
      }
      subscriber.after = missed.last;
      // If the others got no new events meanwhile, this subscriber has now been sent every event that they were sent. No
      // other code runs between this check and the assignment.
      if (!missed.more && after === others) subscriber.isLive = true;
      if (subscriber.isLive) return;
    }
  }

  const publishExpired = () => dropEnded(store).catch(logFailure);

  function add(subscriber: Subscriber): void {
    subscribers.add(subscriber);
    if (timers.length > 0) return;
    const beat = () => {
      for (const { response } of subscribers) writeHeartbeat(response);
    };
    timers = [
      setInterval(() => void readNew(), READ_MS),
      setInterval(() => void publishExpired(), EXPIRY_MS),
      setInterval(beat, HEARTBEAT_MS),
    ];
  }

  function remove(subscriber: Subscriber): void {
    subscribers.delete(subscriber);
    if (subscribers.size > 0) return;
    for (const timer of timers) clearInterval(timer);
    timers = [];
  }

  return {
    start: async (resumed) => {
      const newest = await lastEventId(redis, keys);
      const hasGap = resumed !== undefined && !(await isKept(redis, keys, resumed));
      if (subscribers.size === 0) after = newest;
      // An id that is later than the newest one is not from this stream.
      const isOfStream = resumed !== undefined && !isLater(resumed, newest);
      return { after: isOfStream ? resumed : newest, hasGap };
    },
    subscribe: (response, from) => {
      if (isClosed) {
        response.end();
        return;
      }
      const subscriber: Subscriber = { response, after: from, isLive: false };
      response.on('close', () => remove(subscriber));
      add(subscriber);
      // A dropped subscriber reconnects with the id of its last event.
      catchUp(subscriber).catch(() => drop(subscriber));
    },
    close: () => {
      isClosed = true;
      endAll();
    },
  };
}

/** Compares ids. An id is a time in ms and a number within that ms. */
function isLater(id: string, than: string): boolean {
  const [at = 0, n = 0] = id.split('-').map(Number);
  const [thanAt = 0, thanN = 0] = than.split('-').map(Number);
  return at > thanAt || (at === thanAt && n > thanN);
}
