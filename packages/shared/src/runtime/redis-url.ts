/**
 * The address of Redis in one line of text:
 *
 *   redis://user:password@host:6379/0                                 one Redis; rediss:// over TLS
 *   redis-sentinel://user:password@host-a:26379,host-b:26379/0#name   the one that Sentinels call `name`
 *   redis-sentinel://…/0?sentinelUsername=u&sentinelPassword=p#name   the same; the Sentinels have a user of their own
 *   redis-cluster://user:password@host-a:6379,host-b:6379             a cluster, found through any of its nodes
 *
 * The second form comes from Lettuce, and the cluster's form follows it. Both have a `rediss-` form. Users, passwords and
 * the name are percent-encoded if necessary.
 */

export interface RedisAddress {
  kind: 'single' | 'sentinel' | 'cluster';
  tls: boolean;
  nodes: Array<{ host: string; port: number }>;
  username?: string;
  password?: string;
  db: number;
  /** Its name in the Sentinels. */
  name?: string;
  /** User and password of the Sentinels; those above are of Redis. */
  sentinelUsername?: string;
  sentinelPassword?: string;
}

const FORM =
  /^redis(?<tls>s)?(?:-(?<kind>sentinel|cluster))?:\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/@?#]*)(?:\/(?<db>\d{0,4}))?(?:\?(?<query>[^#]*))?(?:#(?<name>[^#]+))?$/i;
const HOST = /^(?<host>\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(?<port>\d{1,5}))?$/i;
/** Parameters of the form with Sentinels. */
const PARAMETER = /^(?<key>sentinelUsername|sentinelPassword)=(?<value>.+)$/;
const PORT = 6379;
const SENTINEL_PORT = 26_379;

/** @throws if the text is not such an address; the message does not quote it, because it may contain a password */
export function readRedisUrl(text: string): RedisAddress {
  const parts = FORM.exec(text)?.groups;
  if (!parts) throw new Error('not a Redis URL');
  const kind = parts.kind === 'sentinel' || parts.kind === 'cluster' ? parts.kind : 'single';
  const fallback = kind === 'sentinel' ? SENTINEL_PORT : PORT;
  const nodes = (parts.hosts ?? '').split(',').map((each) => node(each, fallback));
  const [user, password, name] = [parts.user, parts.password, parts.name].map(
    (part) => part && decodeURIComponent(part),
  );
  const fits = {
    single: nodes.length === 1 && !name,
    sentinel: name !== undefined,
    cluster: !name && !parts.db,
  };
  if (!fits[kind] || (parts.query !== undefined && kind !== 'sentinel')) throw new Error('not a Redis URL');
  return {
    kind,
    tls: parts.tls !== undefined,
    nodes,
    ...(user && { username: user }),
    ...(password && { password }),
    db: Number(parts.db ?? 0),
    ...(name && { name }),
    ...(parts.query !== undefined && sentinelCredentials(parts.query)),
  };
}

/** Unlike URLSearchParams, this keeps a plus sign of a password. */
function sentinelCredentials(query: string): Pick<RedisAddress, 'sentinelUsername' | 'sentinelPassword'> {
  const pairs = query.split('&').map((each) => {
    const found = PARAMETER.exec(each)?.groups;
    if (found?.key === undefined || found.value === undefined) throw new Error('not a Redis URL');
    return [found.key, decodeURIComponent(found.value)];
  });
  return Object.fromEntries(pairs);
}

function node(text: string, fallback: number): { host: string; port: number } {
  const parts = HOST.exec(text)?.groups;
  const port = Number(parts?.port ?? fallback);
  if (!parts?.host || port < 1 || port > 65_535) throw new Error('not a Redis URL');
  return { host: parts.host.replace(/^\[|\]$/g, ''), port };
}

/** The text without its passwords, for people. */
export function redactedUrl(text: string): string {
  return text
    .replace(/^(\w[\w-]*:\/\/[^:@/]*):[^@/]*@/, '$1:***@')
    .replace(/\b(sentinelPassword=)[^&#]*/, '$1***')
    .replace(/\/$/, '');
}
