/** An alert that an alerting tool sent, in the form that all code after the mapping of its body uses. */
import type { Json, JsonObject } from '../wake/json.ts';

/** The severities that mappings produce. A word that a mapping does not know reads `warning`. */
export const INGESTED_SEVERITIES = ['critical', 'warning', 'info'] as const;
export type IngestedSeverity = (typeof INGESTED_SEVERITIES)[number];

/** One alert. Texts are not shortened and not redacted yet. */
export interface IngestedAlert {
  /** `recovered`: the sender says that it is over. */
  status: 'firing' | 'recovered';
  /** Empty, as `category`, only for a recovery whose body does not name its pair. It then has an instance. */
  probe: string;
  category: string;
  severity: IngestedSeverity;
  title: string;
  detail: string;
  /** Which of several things behind the pair, for example the fingerprint of an alert. */
  instance?: string;
  /** Names and http(s) URLs. */
  links: Record<string, string>;
  /** The start of the alert as the sender wrote it. */
  startedAt?: string;
  /** Further named fields for the snapshot. */
  facts: JsonObject;
  /** Only of our own senders: a tool knows of no envelope. */
  envelope?: { enabled: boolean; fixName: string };
  /** The sender's id of this event, the same in each retry. */
  eventId?: string;
}

/** The alerts of one body. */
export interface Mapped {
  alerts: IngestedAlert[];
  /** Notices, and states that are neither firing nor over. */
  ignored: number;
}

/** A body that cannot be mapped. */
export class MappingError extends Error {
  override name = 'MappingError';
  /** Dot path of the field that is missing or wrong, such as `alerts.0.labels`. */
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`${field} ${problem}`);
    this.field = field;
  }
}

/** The parts of a request that a mapping may read. */
export interface IngestRequest {
  body: Json;
  /** Names in lower case. */
  headers: Record<string, string>;
}

/**
 * Maps a body. It copies named fields only.
 *
 * @throws MappingError
 */
export type MapBody = (request: IngestRequest) => Mapped;
