/** Alerts of other tools: accepting them, and the time until their message, next to Alertmanager on the same machine. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAccount } from '@kora-wake/shared/store/account';
import { z } from 'zod';
import { anthropicDouble } from '../test/support/anthropic.ts';
import { httpDouble, json } from '../test/support/http-double.ts';
import { startAlertmanager } from '../test/support/monitoring.ts';
import { apiUrl } from '../test/support/spawn.ts';
import { type Bench, cpuMs, median, quantile, ratios, repeated, timed } from './measure.ts';
import { type Sandbox, startTailerAndWorker, type World } from './world.ts';

const CONNECTIONS = 32;
/** Alerts of one request in the second measurement: a group of Alertmanager. */
const GROUP = 20;

const Flood = z.object({ perS: z.number(), p50: z.number(), p99: z.number(), failed: z.number(), sent: z.number() });

/** `pid`: of its process. */
interface Server {
  kind: 'kora' | 'alertmanager';
  url: string;
  pid: number;
}

async function flooded(
  sandbox: Sandbox,
  { kind, url, pid }: Server,
  { seconds, alerts }: { seconds: number; alerts: number },
) {
  const before = cpuMs(pid);
  const args = [kind, url, ...[CONNECTIONS, seconds, alerts].map(String)];
  const running = sandbox.script('bench/flood.ts', args);
  const [done] = await Promise.all([running.untilText('done', 600_000), running.exited]);
  const flood = Flood.parse(done);
  return { ...flood, cpuUs: ((cpuMs(pid) - before) * 1_000) / flood.sent };
}
type Flooded = Awaited<ReturnType<typeof flooded>>;

/** An Alertmanager that sends each alert to its Slack receiver at once. */
const sendingAlertmanager = (sandbox: Sandbox, slackUrl: string) =>
  startAlertmanager(join(sandbox.folder, 'alertmanager'), {
    route: { receiver: 'slack', group_by: ['...'], group_wait: '0s' },
    receivers: [{ name: 'slack', slack_configs: [{ api_url: `${slackUrl}/hook`, channel: '#alerts' }] }],
  });

/** An Alertmanager that groups alerts and sends them nowhere. */
const quietAlertmanager = (sandbox: Sandbox) =>
  startAlertmanager(join(sandbox.folder, 'alertmanager'), {
    route: { receiver: 'nobody', group_by: ['alertname', 'service'], group_wait: '1h' },
    receivers: [{ name: 'nobody' }],
  });

/** Our API and a tailer that follows its log. */
async function ingestion(world: World): Promise<{ sandbox: Sandbox; url: string; pid: number }> {
  const sandbox = await world.sandbox();
  await sandbox.app('tailer').until('tailer.following');
  const api = sandbox.app('api');
  return { sandbox, url: await apiUrl(api), pid: api.child.pid ?? 0 };
}

export const accepting: Bench = {
  id: 'P11',
  title: `alerts accepted over ${CONNECTIONS} connections, each durable before the answer`,
  measure: async ({ world, quick, runs }) => {
    // A quick run is over before the code of the API is compiled, so its ratios have no goal.
    const seconds = quick ? 2 : 10;
    const { sandbox, url, pid } = await ingestion(world);
    const slack = await httpDouble(json(200, { ok: true }));
    const flood = (server: Server, alerts: number) => flooded(sandbox, server, { seconds, alerts });
    const taken = await repeated(runs, async () => {
      const measured = async (alerts: number) => {
        const ours = await flood({ kind: 'kora', url, pid }, alerts);
        // A new one each time: it keeps all alerts in memory, and so becomes slower.
        const theirs = await sendingAlertmanager(sandbox, slack.url);
        const sending = await flood({ kind: 'alertmanager', ...theirs }, alerts);
        await theirs.end();
        return { ours, theirs: sending };
      };
      const [single, group] = [await measured(1), await measured(GROUP)];
      const quiet = await quietAlertmanager(sandbox);
      const quietly = await flood({ kind: 'alertmanager', ...quiet }, 1);
      await quiet.end();
      return { single, group, quiet: { theirs: quietly } };
    });
    await slack.close();
    const { rows, unaccounted } = await whenDecided(sandbox);
    await sandbox.end();
    const of = (name: 'single' | 'group', whose: 'ours' | 'theirs', what: keyof Flooded) =>
      taken.map((run) => run[name][whose][what]);
    const quietly = (what: keyof Flooded) => taken.map(({ quiet }) => quiet.theirs[what]);
    const failures = [...of('single', 'ours', 'failed'), ...of('group', 'ours', 'failed')];
    return {
      figures: [
        {
          label: 'relative to the API of Alertmanager',
          values: ratios(of('single', 'ours', 'perS'), of('single', 'theirs', 'perS')),
          unit: '×',
          ...(!quick && { goal: { atLeast: 2 } }),
        },
        {
          label: "p99 of the answers, relative to Alertmanager's",
          values: ratios(of('single', 'ours', 'p99'), of('single', 'theirs', 'p99')),
          unit: '×',
          ...(!quick && { goal: { atMost: 1 } }),
        },
        { label: 'ours', values: of('single', 'ours', 'perS'), unit: '/s' },
        { label: 'Alertmanager', values: of('single', 'theirs', 'perS'), unit: '/s' },
        { label: 'median of our answers', values: of('single', 'ours', 'p50'), unit: 'ms' },
        { label: "median of Alertmanager's", values: of('single', 'theirs', 'p50'), unit: 'ms' },
        { label: 'p99 of our answers', values: of('single', 'ours', 'p99'), unit: 'ms' },
        { label: "p99 of Alertmanager's", values: of('single', 'theirs', 'p99'), unit: 'ms' },
        { label: 'processor time of an alert: our API', values: of('single', 'ours', 'cpuUs'), unit: 'µs' },
        { label: 'and Alertmanager', values: of('single', 'theirs', 'cpuUs'), unit: 'µs' },
        {
          label: `${GROUP} alerts in a request, relative to Alertmanager`,
          values: ratios(of('group', 'ours', 'perS'), of('group', 'theirs', 'perS')),
          unit: '×',
        },
        { label: `ours, ${GROUP} in a request`, values: of('group', 'ours', 'perS'), unit: '/s' },
        { label: `Alertmanager, ${GROUP} in a request`, values: of('group', 'theirs', 'perS'), unit: '/s' },
        {
          label: `processor time of an alert, ${GROUP} in a request: our API`,
          values: of('group', 'ours', 'cpuUs'),
          unit: 'µs',
        },
        { label: 'and Alertmanager', values: of('group', 'theirs', 'cpuUs'), unit: 'µs' },
        { label: 'Alertmanager that sends nothing', values: quietly('perS'), unit: '/s' },
        { label: 'p99 of its answers', values: quietly('p99'), unit: 'ms' },
        { label: 'our answers other than 2xx', values: failures, unit: '' },
      ],
      notes: [
        `${seconds} s per run and server, one alert per request unless stated otherwise, no alert twice. One process sends them; each connection sends the next request after the answer. Ours is written to the log and synced before the answer; a tailer decides the rows meanwhile: ${rows} rows, unaccounted ${unaccounted}. Alertmanager (\`/api/v2/alerts\`) keeps alerts in memory and sends each to its Slack receiver at once (\`group_by: ['...']\`, \`group_wait: 0s\`), to a double; the last figures are for one that groups and sends nothing.`,
      ],
    };
  },
};

/** The account when all rows of the log are decided. */
async function whenDecided({ redis, keys }: Sandbox) {
  for (let before = -1; ; ) {
    const account = await readAccount(redis, keys);
    if (account.rows === before) return account;
    before = account.rows;
    await sleep(1_000);
  }
}

/** @throws an Error if the answer is not a 2xx */
async function post(address: string, body: unknown): Promise<void> {
  const answer = await fetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
}

/** Slightly more than the pace of one message per second. */
const BETWEEN_MS = 1_050;

export const postToMessage: Bench = {
  id: 'P12',
  title: 'from a POST of an alert to its message accepted by Slack',
  measure: async ({ world, quick, runs }) => {
    const sandbox = await world.sandbox();
    const waiting: { sent?: () => void } = {};
    const slack = await httpDouble((...request) => {
      if (!/auth\.test/.test(request[0].path)) waiting.sent?.();
      return json(200, { ok: true, channel: 'D1', ts: '1.1' })(...request);
    });
    const anthropic = await anthropicDouble();
    await startTailerAndWorker(sandbox, { slack, engine: anthropic });
    const url = await apiUrl(sandbox.app('api'));
    const alertmanager = await startAlertmanager(join(sandbox.folder, 'alertmanager'), {
      route: { receiver: 'slack', group_by: ['...'], group_wait: '0s' },
      receivers: [{ name: 'slack', slack_configs: [{ api_url: `${slack.url}/hook`, channel: '#alerts' }] }],
    });
    let made = 0;
    const once = (send: (alert: Record<string, unknown>) => Promise<void>) => {
      const service = `shop-${made++}`;
      const sending = new Promise<void>((resolve) => {
        waiting.sent = resolve;
      });
      const alert = {
        labels: { alertname: 'HighErrorRate', service, severity: 'critical' },
        annotations: { summary: 'The shop answers with errors', description: 'The error rate is 12 %.' },
        startsAt: new Date().toISOString(),
      };
      return timed(() => Promise.all([sending, send(alert)]));
    };
    const ours = () =>
      once((alert) =>
        post(`${url}/v1/ingest/alertmanager`, {
          version: '4',
          status: 'firing',
          alerts: [{ ...alert, status: 'firing', fingerprint: String(made) }],
        }),
      );
    const theirs = () => once((alert) => post(`${alertmanager.url}/api/v2/alerts`, [alert]));
    const sampled = async (count: number) => {
      const times = { ours: [] as number[], theirs: [] as number[] };
      for (let i = 0; i < count; i++) {
        times.theirs.push(await theirs());
        await sleep(BETWEEN_MS / 2);
        times.ours.push(await ours());
        await sleep(BETWEEN_MS / 2);
      }
      return times;
    };
    const samples = quick ? 6 : 40;
    await sampled(quick ? 3 : 10);
    const taken = await repeated(runs, () => sampled(samples));
    await alertmanager.end();
    await sandbox.end();
    await Promise.all([slack.close(), anthropic.close()]);
    const medians = (whose: 'ours' | 'theirs') => taken.map((run) => median(run[whose]));
    const p99 = (whose: 'ours' | 'theirs') => [
      quantile(
        taken.flatMap((run) => run[whose]),
        0.99,
      ),
    ];
    return {
      figures: [
        { label: 'median', values: medians('ours'), unit: 'ms', goal: { atMost: 15 } },
        { label: 'p99', values: p99('ours'), unit: 'ms', goal: { atMost: 60 } },
        { label: 'median of Alertmanager', values: medians('theirs'), unit: 'ms' },
        { label: 'p99 of Alertmanager', values: p99('theirs'), unit: 'ms' },
      ],
      notes: [
        `${samples} alerts per run and server, one at a time, just over a second apart because of Slack's pace. Ours: the row is durable, decided, investigated by a double that answers at once, and posted. Alertmanager with \`group_wait: 0s\` and its Slack receiver formats a message and posts it.`,
      ],
    };
  },
};
