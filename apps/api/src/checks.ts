/** The checklist of the set-up: one line for each part, and how to complete a part that is not ready. */
import type { McpState } from '@kora-wake/shared/wake/services';
import type { Check, Status } from './contract.ts';

/** The status, and further facts that the checks read. */
export interface CheckFacts extends Omit<Status, 'checks'> {
  /** Of this API. */
  version: string;
  /** Why Redis refuses writes, as a predicate; null: it takes them. */
  writeRefusal: string | null;
  /** Row that was decided last in the log of this API; ISO time or null. */
  lastRowAt: string | null;
  /** Since when the log of this API is missing; null: it exists, or nobody watches it. */
  missingSince: string | null;
  /** Whether alerts of other tools are taken. */
  isIngestionOpen: boolean;
  hasConsoleUrl: boolean;
}

type Result = Omit<Check, 'id' | 'title'>;

const ok = (text: string, at: string | null = null): Result => ({ state: 'ok', text, at, fix: null });
const off = (text: string, fix: string): Result => ({ state: 'off', text, at: null, fix });
const warning = (text: string, fix: string): Result => ({ state: 'warning', text, at: null, fix });
const problem = (text: string, fix: string, at: string | null = null): Result => ({ state: 'problem', text, at, fix });

/** In the order in which a new user completes them. */
export function checksOf(facts: CheckFacts): Check[] {
  return [
    { id: 'redis', title: 'Redis', ...redis(facts) },
    { id: 'log', title: 'Audit log', ...log(facts) },
    { id: 'workers', title: 'Workers', ...workers(facts) },
    { id: 'slack', title: 'Slack', ...slack(facts) },
    { id: 'recipient', title: 'Recipient', ...recipient(facts) },
    { id: 'llm', title: 'AI', ...llm(facts) },
    { id: 'clicks', title: 'Buttons in Slack', ...clicks(facts) },
    { id: 'links', title: 'Links to the console', ...links(facts) },
    { id: 'ingestion', title: 'Other alerting tools', ...ingestion(facts) },
    { id: 'policy', title: 'Policy', ...policy(facts) },
    { id: 'mcp', title: 'MCP servers', ...mcp(facts) },
    { id: 'versions', title: 'Versions', ...versions(facts) },
  ];
}

function redis({ redis: { address, warnings }, writeRefusal }: CheckFacts): Result {
  if (writeRefusal !== null) {
    return problem(`${address} ${writeRefusal}: alerts wait`, 'Correct its state or its configuration.');
  }
  if (warnings === null) {
    return warning(
      `${address} takes writes, but its settings cannot be read`,
      'Let its user run INFO, or check the settings yourself, see docs/redis.md.',
    );
  }
  if (warnings.length === 0) return ok(`${address} takes writes, and keeps them`);
  return warning(`${address}: ${warnings.join(' ')}`, 'Change the setting, see docs/redis.md.');
}

function log({ log: { path, isWatched }, lastRowAt, missingSince }: CheckFacts): Result {
  if (!isWatched) {
    // The console says the same on its first screen.
    return problem('Log watcher is down: new alerts are not picked up', `Start a tailer for ${path}.`);
  }
  if (missingSince !== null) {
    return problem(
      `${path} does not exist: no alert can arrive`,
      'Set KORA_AUDIT_LOG_PATH to the log that your probes write, for every app.',
    );
  }
  if (lastRowAt === null) return ok(`${path} is watched, and has no alert yet`);
  return ok(`${path} is watched, last alert at`, lastRowAt);
}

function workers({ workers: running }: CheckFacts): Result {
  if (running.length === 0) return problem('no worker runs: alerts wait', 'Start a worker.');
  return ok(`${counted(running.length, 'worker')}: ${names(running.map(({ id }) => id))}`);
}

const NO_WORKER = warning('not known without a worker', 'Start a worker.');

function slack({ slack: setup, problems }: CheckFacts): Result {
  if (!setup) return NO_WORKER;
  if (!setup.isConfigured) {
    return warning(
      'not configured: messages are only printed in the log of the worker',
      'Create the app from deploy/slack-app-manifest.yml. Set KORA_SLACK_BOT_TOKEN to its token, and restart the workers.',
    );
  }
  const fault = problems.find(({ service }) => service === 'slack');
  if (fault) {
    const fix =
      fault.kind === 'refused'
        ? 'Correct KORA_SLACK_BOT_TOKEN or the scopes of the app, and restart the workers.'
        : 'Nothing: the workers try again until Slack answers.';
    return problem(`Slack does not take messages (${fault.code}) since`, fix, fault.since);
  }
  if (setup.missingScopes.length > 0) {
    return warning(
      `the token lacks ${setup.missingScopes.join(', ')}`,
      'Add these scopes to the app, install it again, and restart the workers.',
    );
  }
  if (setup.team === null) return warning('Slack has not answered yet', 'Wait a moment, or see the log of the worker.');
  return ok(`team ${setup.team}, bot ${setup.bot}${setup.scopes ? `, scopes ${setup.scopes.join(', ')}` : ''}`);
}

function recipient({ slack: setup }: CheckFacts): Result {
  if (!setup) return NO_WORKER;
  if (setup.operator !== null) return ok(`messages go to ${setup.operator}`);
  const fix =
    'Set KORA_SLACK_OPERATOR_USER_ID to the id of the person on call, such as U024BE7LH. Slack shows it in the profile under “Copy member ID”.';
  return setup.isConfigured
    ? problem('nobody gets the messages: they fail', fix)
    : warning('nobody, because Slack is not configured', fix);
}

function llm({ llm: setup, problems }: CheckFacts): Result {
  if (!setup) return NO_WORKER;
  if (!setup.isConfigured) {
    return warning(
      'not configured: alerts are sent without a diagnosis',
      'Set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a gateway, and restart the workers.',
    );
  }
  const fault = problems.find(({ service }) => service === 'llm');
  if (fault) {
    const words = fault.message === '' ? '' : `: ${fault.message}`;
    return problem(
      `the AI does not answer (${fault.code}${words}) since`,
      'Check the key, the address and the model. Alerts are sent without a diagnosis until it answers.',
      fault.since,
    );
  }
  if (setup.lastAnswerAt === null) return ok(`${setup.model}, no answer since the workers started`);
  return ok(`${setup.model}, last answer at`, setup.lastAnswerAt);
}

function clicks({ clicks: { areTaken, socket, isHttpOpen } }: CheckFacts): Result {
  if (areTaken) return ok(isHttpOpen ? 'taken over HTTP' : 'taken through Socket Mode');
  const fix =
    'Set KORA_SLACK_APP_TOKEN for the API: it needs no public address. docs/operations.md explains both ways.';
  return socket
    ? problem('the connection to Slack is down: messages have no buttons', 'Wait, or check KORA_SLACK_APP_TOKEN.')
    : off('messages have no buttons', fix);
}

const links = ({ hasConsoleUrl }: CheckFacts): Result =>
  hasConsoleUrl
    ? ok('messages link to this console')
    : off('messages do not link to this console', 'Set KORA_CONSOLE_URL to its address, for API and workers.');

function ingestion({ ingestion: { sources, faults }, isIngestionOpen }: CheckFacts): Result {
  const names = sources.map(({ source }) => source).join(', ');
  const isOver = ({ source, at }: (typeof faults)[number]) =>
    sources.some((each) => each.source === source && each.lastAt > at);
  const fault = faults.find((each) => !isOver(each));
  if (fault) {
    return warning(
      `the last alert of ${fault.source} could not be read: ${fault.message}`,
      'See docs/sources.md. npm run map shows the alert that a body gives.',
    );
  }
  if (!isIngestionOpen) return off('not accepted', 'Set KORA_INGEST_TOKEN for the API, see docs/sources.md.');
  return sources.length > 0
    ? ok(`${names} have sent alerts`)
    : off('accepted, and none has sent an alert yet', 'Point a webhook at this API, see docs/sources.md.');
}

function policy({ policy: own, workers: running, tailers }: CheckFacts): Result {
  const all = [own, ...running.map(({ policy: each }) => each), ...tailers.map(({ policy: each }) => each)];
  const known = all.filter((each) => each !== null);
  const failed = known.find(({ problem: why }) => why !== null);
  if (failed) {
    return problem(
      `an older version is in force: ${failed.problem}`,
      'Correct the file of KORA_POLICY_PATH, check it with npm run policy -- check, and send SIGHUP to the apps.',
    );
  }
  if (new Set(known.map(({ version }) => version)).size > 1) {
    return warning('the apps run different versions of the file', 'Send SIGHUP to all apps, or restart them.');
  }
  return own.version === ''
    ? off('no file: the settings of the environment apply', 'Set KORA_POLICY_PATH, see docs/policy.md.')
    : ok(`version ${own.version} is in force`);
}

function mcp({ mcpServers: servers }: CheckFacts): Result {
  if (servers.length === 0)
    return off('none: the AI uses the built-in tools', 'Set KORA_MCP_CONFIG, see docs/investigator.md.');
  const byState = Map.groupBy(servers, ({ state }) => state);
  const namesOf = (state: McpState) => names((byState.get(state) ?? []).map(({ name }) => name));
  if (byState.has('failed')) {
    return warning(
      `${namesOf('failed')} not connected: their tools are missing`,
      'See the log of the worker for the reason.',
    );
  }
  if (byState.has('no_allow_list')) {
    return warning(
      `${namesOf('no_allow_list')} without an allow list: their tools are missing`,
      'Each needs an `allow` list in the file of KORA_MCP_CONFIG, see docs/investigator.md.',
    );
  }
  const parts = (['connected', 'connecting'] as const).filter((state) => byState.has(state));
  return ok(parts.map((state) => `${state}: ${namesOf(state)}`).join('; '));
}

function versions({ version, workers: running, tailers }: CheckFacts): Result {
  const others = [...running, ...tailers].filter((each) => each.version !== version);
  if (others.length === 0) return ok(`all apps run ${version}`);
  const different = names(
    others.map((each) => `${'id' in each ? each.id : each.holder} (${each.version ?? 'unknown'})`),
  );
  return warning(`the API runs ${version}, others do not: ${different}`, 'Update and restart them.');
}

const counted = (n: number, noun: string) => `${n} ${n === 1 ? noun : `${noun}s`}`;

/** More names than these are counted. */
const MAX_NAMES = 5;

function names(all: string[]): string {
  const rest = all.length - MAX_NAMES;
  return `${all.slice(0, MAX_NAMES).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
