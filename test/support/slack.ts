/** A double of Slack. The tests compare with the messages that it accepted. */
import { type Answer, type HttpDouble, httpDouble } from './http-double.ts';
import { refusalOf } from './slack-limits.ts';

interface Accepted {
  channel: string;
  text: string;
  /** Undefined for a post without blocks. */
  blocks: unknown;
  wakeId: string;
  ts: string;
  /** The message in whose thread it is a reply. */
  thread: string | undefined;
  /** ms since the epoch */
  at: number;
  /** Its texts after each `chat.update`, oldest first. */
  edits: Array<{ text: string; blocks: unknown }>;
  /** A person deleted it: it can no longer be edited. */
  isDeleted?: boolean;
}

export interface SlackDouble extends HttpDouble {
  apiUrl: string;
  accepted: Accepted[];
  /** Accepts the message, and then gives this answer. */
  acceptThen(answer: Answer): Answer;
  /** The error code of `conversations.history` and `.open`, and the delay until a message appears in the history, ms. */
  lookUp: {
    error?: string;
    lagMs?: number;
    /** Answers to the next requests for a page of the history, one each. `undefined`: the page. */
    next: Array<Answer | undefined>;
    /** Messages of a page; default: all. */
    pageSize?: number;
  };
  /** Answer of `apps.connections.open`; null: it is refused. */
  socket: { url: string | null };
  /** The answer to posts to a recipient, instead of accepting them. */
  refusals: Map<string, Answer>;
  /** Answers to the next edits, one each, instead of making them. */
  nextEdits: Answer[];
  /** Answer of `auth.test`: its scopes (undefined: no header), or an error code. */
  identity: { scopes?: string | undefined; error?: string };
}

/** Answers in `next` are for posts. A look-up succeeds, or fails as `lookUp` says. */
export async function slackDouble(): Promise<SlackDouble> {
  const accepted: Accepted[] = [];
  const lookUp: SlackDouble['lookUp'] = { next: [] };
  const identity: SlackDouble['identity'] = { scopes: 'chat:write,im:history,im:write' };
  const posts: Answer[] = [];
  const socket: SlackDouble['socket'] = { url: null };
  const nextEdits: Answer[] = [];
  const refusals = new Map<string, Answer>();
  const edit = (body: string) => {
    const form = new URLSearchParams(body);
    const message = accepted.find(({ ts }) => ts === form.get('ts'));
    if (!message || message.isDeleted) return { ok: false, error: 'message_not_found' };
    const blocks = JSON.parse(form.get('blocks') ?? 'null') ?? undefined;
    const error = refusalOf(form.get('text') ?? '', blocks);
    if (error) return { ok: false, error };
    message.edits.push({ text: form.get('text') ?? '', blocks });
    return { ok: true, channel: form.get('channel'), ts: message.ts };
  };
  const accept = (body: string) => {
    const form = new URLSearchParams(body);
    const at = Date.now();
    const ts = `${(at / 1000).toFixed(3)}${String(accepted.length).padStart(3, '0')}`;
    const metadata = JSON.parse(form.get('metadata') ?? '{}');
    const blocks = JSON.parse(form.get('blocks') ?? 'null') ?? undefined;
    const error = refusalOf(form.get('text') ?? '', blocks);
    if (error) return { ok: false, error };
    accepted.push({
      channel: form.get('channel') ?? '',
      text: form.get('text') ?? '',
      blocks,
      wakeId: metadata.event_payload?.wake_id,
      ts,
      thread: form.get('thread_ts') ?? undefined,
      at,
      edits: [],
    });
    // The id of a DM stays as it is.
    const channel = form.get('channel') ?? '';
    return { ok: true, channel: channel.startsWith('D') ? channel : `D${channel}`, ts };
  };
  const double = await httpDouble((request, response, connection) => {
    const send = (body: unknown) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.path.endsWith('/chat.postMessage')) {
      const scripted = posts.shift();
      const refusal = scripted ?? refusals.get(new URLSearchParams(request.body).get('channel') ?? '');
      if (refusal) return refusal(request, response, connection);
      send(accept(request.body));
    } else if (request.path.endsWith('/chat.update')) {
      const scripted = nextEdits.shift();
      if (scripted) return scripted(request, response, connection);
      send(edit(request.body));
    } else if (request.path.endsWith('/apps.connections.open')) {
      send(socket.url === null ? { ok: false, error: 'not_allowed_token_type' } : { ok: true, url: socket.url });
    } else if (request.path.endsWith('/auth.test')) {
      if (identity.scopes !== undefined) response.setHeader('x-oauth-scopes', identity.scopes);
      if (identity.error) send({ ok: false, error: identity.error });
      else send({ ok: true, team: 'Acme', team_id: 'T0ACME', user: 'kora', user_id: 'U0KORA', bot_id: 'B0KORA' });
    } else if (lookUp.error) send({ ok: false, error: lookUp.error });
    else if (request.path.endsWith('/conversations.open')) send({ ok: true, channel: { id: 'DU0OPERATOR' } });
    else {
      const scripted = lookUp.next.shift();
      if (scripted) return scripted(request, response, connection);
      const form = new URLSearchParams(request.body);
      const [oldest, latest] = [Number(form.get('oldest')), Number(form.get('latest') ?? Infinity)];
      // The last message before this page, because later posts must not move the pages.
      const cursor = Number(form.get('cursor') ?? Infinity);
      const { pageSize = Infinity } = lookUp;
      // The history of a channel has no replies.
      const thread = request.path.endsWith('/conversations.replies') ? (form.get('ts') ?? '') : undefined;
      const isVisible = ({ ts, at, thread: of }: Accepted) =>
        of === thread &&
        Number(ts) >= oldest &&
        Number(ts) <= latest &&
        Number(ts) < cursor &&
        at <= Date.now() - (lookUp.lagMs ?? 0);
      const found = accepted.filter(isVisible).toReversed();
      const messages = found.slice(0, pageSize).map(({ ts, text, wakeId }) => ({
        ts,
        text,
        metadata: { event_type: 'kora_wake', event_payload: { wake_id: wakeId } },
      }));
      send({
        ok: true,
        messages,
        response_metadata: { next_cursor: found.length > pageSize ? messages.at(-1)?.ts : '' },
      });
    }
    return undefined;
  });
  const acceptThen =
    (answer: Answer): Answer =>
    (request, response, socket) => {
      accept(request.body);
      return answer(request, response, socket);
    };
  return {
    ...double,
    next: posts,
    apiUrl: `${double.url}/api/`,
    accepted,
    acceptThen,
    socket,
    nextEdits,
    refusals,
    lookUp,
    identity,
  };
}
