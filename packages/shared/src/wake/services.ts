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
