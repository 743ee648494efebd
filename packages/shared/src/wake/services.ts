/** The services outside that investigations and deliveries need, and what can be wrong with them. */

/**
 * - `slack`: sending messages
 * - `slack_rights`: looking up messages that Slack did not confirm
 * - `llm`: investigating
 */
export const SERVICES = ['slack', 'slack_rights', 'llm'] as const;
export type Service = (typeof SERVICES)[number];

/**
 * - `refused`: it answers, but refuses our credential, our rights or our requests
 * - `rate_limited`: it asks us to wait
 * - `unreachable`: it does not give a usable answer
 */
export const PROBLEM_KINDS = ['refused', 'rate_limited', 'unreachable'] as const;

/**
 * States of an MCP server, worst first.
 *
 * - `failed`: the last attempt to connect failed, or the connection ended
 * - `no_allow_list`: it is configured without an `allow` list, so none of its tools may be offered
 * - `connecting`: the first attempt to connect has not ended yet
 */
export const MCP_STATES = ['failed', 'no_allow_list', 'connecting', 'connected'] as const;
export type McpState = (typeof MCP_STATES)[number];
