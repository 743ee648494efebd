/** What the API answers, as far as the console reads it. Times are ISO strings, but for those that end in `Ms`. */

export interface Page<T> {
  entries: T[];
  nextCursor: string | null;
}

export interface OpenWindow {
  probe: string;
  category: string;
  wakeId: string;
  severity: string;
  openedAt: string;
  expiresAt: string;
  remainingMs: number;
  suppressed: number;
  lastSuppressedAt: string | null;
}

/** How many windows were. */
export interface Cleared {
  cleared: number;
}

/** Who is looking. */
export interface Me {
  name: string;
  may: 'change' | 'look';
}

export interface Queue {
  name: string;
  isPaused: boolean;
  counts: {
    waiting: number;
    active: number;
    delayed: number;
    prioritized: number;
    completed: number;
    failed: number;
  };
  workers: number;
  oldestWaitingMs: number | null;
}

export interface Queues {
  queues: Queue[];
}

export interface Account {
  rows: number;
  enqueued: number;
  coalesced: number;
  rejected: Record<string, number>;
  outcomes: Record<Outcome, number>;
  inFlight: number;
  unreadLines: number;
  repaired: Record<string, number>;
  unaccounted: number;
  /** how long the wake that waits longest for its end has waited; 0: none does */
  oldestPendingMs: number;
}

interface Source {
  path: string;
  offset: number;
  size: number | null;
  lagBytes: number | null;
  lastRowAt: string | null;
  committedAt: string;
  holder: string | null;
}

export interface Tailer {
  sources: Source[];
}

export type BudgetTier = 'normal' | 'warn_75' | 'downshift_90' | 'hard_stop_100';

export interface Costs {
  rung: BudgetTier;
  /** 0: no limit */
  budgetUsd: number;
  /** such as 2026-11; days and months are UTC */
  month: string;
  spentMonthUsd: number;
  spentTodayUsd: number;
  reservedUsd: number;
  days: { day: string; usd: number }[];
  byRoute: { route: string; usd: number }[];
  byModel: { model: string; usd: number }[];
  entries: { day: string; route: string; model: string; usd: number }[];
}

type Outcome = 'diagnosis' | 'fallback' | 'dry_run' | 'dead';

export interface Investigation {
  wakeId: string;
  probe: string;
  category: string;
  severity: string;
  title: string;
  emittedAt: string | null;
  enqueuedAt: string;
  state: 'waiting' | 'investigating' | 'delivering' | 'ended';
  outcome: Outcome | null;
  outcomeAt: string | null;
  /** why there is no diagnosis */
  code: string | null;
  verdict: 'confirmed' | 'likely' | 'inconclusive' | null;
  summary: string | null;
  toolCalls: number;
  costUsd: number | null;
  durationMs: number | null;
  dmStatus: string | null;
  suppressed: number;
  lastSuppressedAt: string | null;
}

interface EngineCall {
  route: string;
  model: string;
  durationMs: number;
  error?: string;
}

interface ToolCall {
  source: string;
  name: string;
  status: 'ok' | 'not_allowed' | 'execution_error';
  durationMs: number;
  excType?: string;
}

export interface OpenedInvestigation extends Investigation {
  detail: string;
  snapshotDetails: Record<string, unknown>;
  model: string | null;
  usage: {
    inputTokens: number;
    outputTokens: number;
    cacheCreationInputTokens: number;
    cacheReadInputTokens: number;
  } | null;
  calls: EngineCall[];
  tools: ToolCall[];
  evidence: { source: string; quote: string }[];
  droppedQuotes: number;
  /** the text as Slack shows it */
  dm: string | null;
  posted: { channel: string; ts: string } | null;
}

/** What somebody changed. */
export interface Operation {
  at: string;
  what: string;
  by: string;
  reason: string | null;
  details: Record<string, unknown>;
}

export interface DeadLetter {
  queue: string;
  jobId: string;
  /** null, as are the next four: a job that somebody put there by hand */
  wakeId: string | null;
  probe: string | null;
  category: string | null;
  severity: string | null;
  title: string | null;
  reason: string;
  failedAt: string;
}
