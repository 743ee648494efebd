/** Slack as it looks from outside. What it accepted is the oracle of who was told what. */
import { type Answer, type HttpDouble, httpDouble } from './http-double.ts';

interface Accepted {
  channel: string;
  text: string;
  wakeId: string;
  ts: string;
  /** ms since the epoch */
  at: number;
}

export interface SlackDouble extends HttpDouble {
  apiUrl: string;
  accepted: Accepted[];
}

export async function slackDouble(): Promise<SlackDouble> {
  const accepted: Accepted[] = [];
  const accept: Answer = (request, response) => {
    const form = new URLSearchParams(request.body);
    const ts = `${1_700_000_000 + accepted.length}.000100`;
    const channel = `D${form.get('channel')}`;
    const metadata = JSON.parse(form.get('metadata') ?? '{}');
    accepted.push({
      channel: form.get('channel') ?? '',
      text: form.get('text') ?? '',
      wakeId: metadata.event_payload?.wake_id,
      ts,
      at: Date.now(),
    });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: true, channel, ts }));
  };
  const double = await httpDouble(accept);
  return { ...double, apiUrl: `${double.url}/api/`, accepted };
}
