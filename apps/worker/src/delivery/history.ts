/** The order in which the history of a channel is searched for one message. It may be limited to a page a minute. */

/** A place between two pages of a search, at which it can continue later. */
export interface Place {
  /** Index of the period that is being searched. */
  period: number;
  /** Undefined: the first page of the period. */
  cursor?: string | undefined;
}

/** How a search begins, and how it reports its progress. */
export interface Progress {
  /** Default: from the beginning. */
  from?: Place | undefined;
  reached(place: Place): void;
}

/** Both ends belong to the period; seconds since the epoch by Slack's clock. Without `latest` it lasts until now. */
export interface Period {
  oldest: number;
  latest?: number;
}

interface Page<Message> {
  messages: Message[];
  /** Undefined or empty on the last page. */
  cursor: string | undefined;
}

/** Usual difference between Slack's clock and ours, seconds. */
const USUAL_SKEW_S = 60;
/** Largest difference, seconds: ours may just have been set by an hour. */
const MAX_SKEW_S = 65 * 60;

/** The periods of a search. The second one finds a message only if our clock was ahead, so it comes last. */
function periodsSince(since: number): Period[] {
  const likely = since / 1000 - USUAL_SKEW_S;
  return [{ oldest: likely }, { oldest: since / 1000 - MAX_SKEW_S, latest: likely }];
}

/**
 * Reads pages until one has the message.
 *
 * @param since ms since the epoch by our clock
 * @throws the error of `readPage`
 */
export async function searchHistory<Message>(
  readPage: (period: Period, cursor: string | undefined) => Promise<Page<Message>>,
  isWanted: (message: Message) => boolean,
  since: number,
  { from, reached }: Progress,
): Promise<Message | undefined> {
  const periods = periodsSince(since);
  let place: Place = from ?? { period: 0 };
  for (let period = periods[place.period]; period; period = periods[place.period]) {
    const { messages, cursor } = await readPage(period, place.cursor);
    const found = messages.find(isWanted);
    if (found) return found;
    place = cursor ? { period: place.period, cursor } : { period: place.period + 1 };
    reached(place);
  }
  return undefined;
}
