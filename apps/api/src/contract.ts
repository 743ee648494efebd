/**
 * The HTTP contract: the schema and the type of every request, query and answer. The routes validate with it, the OpenAPI
 * document is generated from it, and the console imports it. It must load in a browser, so it imports only zod and pure
 * modules. The `id` of a schema is its name under `components.schemas`. Times are ISO 8601; names that end in `Ms` are
 * milliseconds.
 */
export * from './contract/backtest.ts';
export { ErrorAnswer, PageQuery, ReasonQuery } from './contract/common.ts';
export * from './contract/costs.ts';
export * from './contract/dead-letters.ts';
export * from './contract/health.ts';
export * from './contract/incidents.ts';
export * from './contract/ingestion.ts';
export * from './contract/investigations.ts';
export * from './contract/live-events.ts';
export * from './contract/queues.ts';
export * from './contract/stats.ts';
export * from './contract/status.ts';
export * from './contract/windows.ts';
