/** The types and event names of the HTTP contract. Nothing is declared here by hand. */
import { LiveEvents } from '@kora-wake/api/contract';

export type {
  Account,
  Backtest,
  BacktestPair,
  BacktestPolicy,
  BacktestSuggestion,
  Check,
  Costs,
  DeadLetter,
  DeadLetters,
  Hold,
  Incident,
  IncidentDetail,
  Incidents,
  Investigation,
  InvestigationDetail,
  Investigations,
  KeptStep,
  MissedAlert,
  OpenWindow,
  OpenWindows,
  Operation,
  Operations,
  Period,
  Queue,
  Queues,
  ServiceProblem,
  Source,
  Stats,
  StatsEntry,
  StatsTotals,
  Status,
  Tailer,
  TestAlert,
  Timeline,
  TokenUsage,
} from '@kora-wake/api/contract';

export { PERIODS } from '@kora-wake/api/contract';

/** Names of the live events, including `gap`: some events are missing. */
export const LIVE_EVENT_TYPES = Object.keys(LiveEvents.shape);
