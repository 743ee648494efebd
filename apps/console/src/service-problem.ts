/** Problems of Slack and the AI in one sentence each. */
import type { ServiceProblem } from './api/types.ts';
import { brief, counted, time } from './format.ts';

const NAMES: Record<ServiceProblem['service'], string> = { slack: 'Slack', slack_rights: 'Slack', llm: 'The AI' };

const VERBS: Record<ServiceProblem['kind'], string> = {
  refused: 'has refused our requests',
  rate_limited: 'has limited our requests',
  unreachable: 'has not given a usable answer',
};

/** @param now ms */
export function problemText(problem: ServiceProblem, now: number): string {
  const { service, kind, code, message } = problem;
  if (service === 'slack_rights') {
    return `The Slack app lacks ${brief(message)}: an alert that Slack does not confirm may be sent twice`;
  }
  const reason = [code, message].filter((part) => part !== '').join(': ');
  const since = time(Date.parse(problem.since), now);
  return `${NAMES[service]} ${VERBS[kind]} since ${since} (${brief(reason, 160)}): ${effectOf(problem)}`;
}

function effectOf({ service, kind, waiting }: ServiceProblem): string {
  if (service === 'llm') return 'alerts are sent without diagnosis';
  const wait = waiting === 1 ? '1 alert waits' : `${counted(waiting, 'alert')} wait`;
  const subject = waiting === 0 ? 'new alerts wait' : wait;
  return kind === 'refused' ? `${subject} until the token or the scopes are corrected` : `${subject}, retrying`;
}
