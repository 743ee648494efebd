/**
 * Forms of secrets as their issuers document them, with invented values. A template makes its value from a seed, so that no text
 * of this file looks like a secret: `{A:36}` is 36 letters and digits, `a` lower case, `U` upper case, `h` hexadecimal, `D` digits,
 * `B` base64url, `6` base64, `u` a UUID, `w` lower-case letters, `j` a part of a JWT, `p` base64 of `user:password`.
 */
const CORPUS: ReadonlyArray<readonly [issuer: string, template: string]> = [
  // Source code, packages, build.
  ['GitHub personal token', 'ghp_{A:36}'],
  ['GitHub OAuth token', 'gho_{A:36}'],
  ['GitHub app token', 'ghs_{A:36}'],
  ['GitHub refresh token', 'ghr_{A:76}'],
  ['GitHub fine-grained token', 'github_pat_{A:22}_{A:59}'],
  ['GitLab personal token', 'glpat-{B:20}'],
  ['GitLab runner token', 'glrt-{B:20}'],
  ['GitLab deploy token', 'gldt-{B:20}'],
  ['GitLab trigger token', 'glptt-{h:40}'],
  ['Bitbucket app password', 'ATBB{A:32}'],
  ['Atlassian API token', 'ATATT3xFfGF0{B:160}={h:8}'],
  ['npm token', 'npm_{A:36}'],
  ['npmrc', '//registry.npmjs.org/:_authToken={u}'],
  ['npmrc password', '//npm.example.com/:_password={6:24}'],
  ['PyPI token', 'pypi-AgEIcHlwaS5vcmc{B:120}'],
  ['RubyGems key', 'rubygems_{h:48}'],
  ['crates.io token', 'cio{A:32}'],
  ['NuGet key', 'oy2{a:43}'],
  ['Docker Hub token', 'dckr_pat_{B:27}'],
  ['Docker config', '{"auths":{"https://index.docker.io/v1/":{"auth":"{p}"}}}'],
  ['JFrog key', 'AKCp{A:69}'],
  ['CircleCI token', 'CCIPAT_{A:22}_{h:40}'],
  ['Buildkite token', 'bkua_{h:40}'],
  ['Travis', 'travis_token: {B:22}'],
  ['SonarQube token', 'squ_{h:40}'],
  ['Sourcegraph token', 'sgp_{h:16}_{h:40}'],
  ['Pulumi token', 'pul-{h:40}'],
  ['Terraform Cloud token', '{A:14}.atlasv1.{A:67}'],
  ['Octopus key', 'API-{U:26}'],
  ['Codecov', 'CODECOV_TOKEN={u}'],
  ['Snyk', 'SNYK_TOKEN={u}'],
  // Clouds and platforms.
  ['AWS access key', 'AKIA{U:16}'],
  ['AWS temporary key', 'ASIA{U:16}'],
  ['AWS credentials file', 'aws_secret_access_key = {6:40}'],
  ['AWS environment', 'AWS_SECRET_ACCESS_KEY={6:40}'],
  ['AWS session token', 'AWS_SESSION_TOKEN=IQoJb3JpZ2luX2Vj{6:200}'],
  ['AWS answer', '{"SecretAccessKey":"{6:40}","SessionToken":"{6:120}"}'],
  ['AWS signed address', 'https://b.s3.amazonaws.com/k?X-Amz-Date=20260524T140000Z&X-Amz-Signature={h:64}'],
  ['AWS Bedrock key', 'ABSK{6:120}'],
  ['Google API key', 'AIza{B:35}'],
  ['Google OAuth secret', 'GOCSPX-{B:28}'],
  ['Google access token', 'ya29.{B:120}'],
  ['Google refresh token', '1//0{B:60}'],
  [
    'Google service account',
    '{"private_key_id":"k","private_key":"-----BEGIN PRIVATE KEY-----\\n{6:64}\\n{6:40}\\n-----END PRIVATE KEY-----\\n"}',
  ],
  ['Azure client secret', '{A:3}8Q~{A:34}'],
  ['Azure storage', 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey={6:86}==;EndpointSuffix=core.windows.net'],
  ['Azure Service Bus', 'Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={6:43}='],
  ['Azure signed address', 'https://a.blob.core.windows.net/c?sv=2024-11-04&sp=r&sig={6:43}%3D'],
  ['Azure DevOps token', '{A:76}AZDO{A:4}'],
  ['DigitalOcean token', 'dop_v1_{h:64}'],
  ['DigitalOcean database', 'AVNS_{B:19}'],
  ['Cloudflare key', 'X-Auth-Key: {h:37}'],
  ['Cloudflare token', 'CLOUDFLARE_API_TOKEN={B:40}'],
  ['Cloudflare origin key', 'v1.0-{h:24}-{h:146}'],
  ['Heroku key', 'HRKU-{u}'],
  ['Heroku environment', 'HEROKU_API_KEY={u}'],
  ['Vercel token', 'VERCEL_TOKEN={A:24}'],
  ['Netlify token', 'nfp_{A:36}'],
  ['Render key', 'rnd_{A:28}'],
  ['Railway', 'RAILWAY_TOKEN={u}'],
  ['Fly token', 'FlyV1 fm2_{6:100}'],
  ['Fly deploy token', 'fo1_{B:43}'],
  ['Alibaba key', 'LTAI{A:20}'],
  ['Tencent key', 'AKID{A:32}'],
  ['Yandex key', 'AQVN{B:36}'],
  ['Linode', 'LINODE_TOKEN={h:64}'],
  ['Hetzner', 'HCLOUD_TOKEN={A:64}'],
  ['Scaleway', 'SCW_SECRET_KEY={u}'],
  ['Tailscale key', 'tskey-auth-{A:12}CNTRL-{A:32}'],
  ['OpenShift token', 'sha256~{B:43}'],
  ['Kubernetes secret', 'apiVersion: v1\ndata:\n  db-password: {6:24}\n'],
  ['Kubernetes environment', 'env:\n  - name: DB_PASSWORD\n    value: {A:14}\n'],
  ['Kubernetes account', '{j}.{j}.{B:86}'],
  // Secrets and identity.
  ['Vault token', 'hvs.{B:90}'],
  ['Vault token before 1.10', 's.{A:12}7{A:11}'],
  ['Vault header', 'X-Vault-Token: {B:26}'],
  ['Doppler token', 'dp.st.prd.{A:43}'],
  ['Infisical token', 'st.{h:24}.{h:32}.{h:32}'],
  ['1Password token', 'ops_eyJ{6:200}'],
  ['1Password secret key', 'A3-{U:6}-{U:6}-{U:5}-{U:5}-{U:5}-{U:5}'],
  ['age key', 'AGE-SECRET-KEY-1{U:58}'],
  ['SSH key', '-----BEGIN OPENSSH PRIVATE KEY-----\n{6:70}\n{6:70}\n-----END OPENSSH PRIVATE KEY-----'],
  ['PGP key', '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{6:64}\n-----END PGP PRIVATE KEY BLOCK-----'],
  ['PuTTY key', 'PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{6:48}\nPrivate-MAC: 00'],
  ['Okta', 'Authorization: SSWS 00{B:40}'],
  ['Auth0', 'AUTH0_CLIENT_SECRET={B:64}'],
  ['Duo', 'skey = {A:40}'],
  ['OAuth answer', '{"access_token":"{A:40}","refresh_token":"{A:40}","expires_in":3600}'],
  ['OAuth request', 'grant_type=client_credentials&client_id=a&client_secret={A:32}'],
  // Databases.
  ['Postgres address', 'postgres://app:{A:16}@db.example.com:5432/app'],
  ['Postgres libpq', "host=db user=app password='{A:9} {A:9}' dbname=app"],
  ['Postgres libpq, plain', 'host=db user=app password={A:16} dbname=app'],
  ['pgpass variable', 'PGPASSWORD={A:16} psql -h db'],
  ['Postgres SQL', "ALTER USER app WITH PASSWORD '{A:16}'"],
  ['MySQL SQL', "CREATE USER 'app'@'%' IDENTIFIED BY '{A:16}'"],
  ['MySQL option', 'mysql -u app -p{A:16} -h db'],
  ['MySQL file', '[client]\nuser=app\npassword={A:16}\n'],
  ['SQL Server', 'Server=db;Database=a;User Id=app;Password={A:16};Encrypt=true'],
  ['JDBC', 'jdbc:postgresql://db/app?user=app&password={A:16}'],
  ['MongoDB address', 'mongodb+srv://app:{A:16}@c.mongodb.net/app'],
  ['MongoDB Atlas', 'mdb_sa_sk_{B:40}'],
  ['Redis address', 'rediss://:{A:32}@cache:6379/0'],
  ['Redis configuration', 'requirepass {A:16}'],
  ['AMQP address', 'amqps://app:{A:16}@mq/vhost'],
  ['Supabase key', 'sbp_{h:40}'],
  ['Supabase secret', 'sb_secret_{B:22}_{A:8}'],
  ['PlanetScale password', 'pscale_pw_{B:43}'],
  ['Neon key', 'napi_{a:60}'],
  ['Snowflake', 'SNOWFLAKE_PASSWORD={A:16}'],
  ['Databricks token', 'dapi{h:32}'],
  ['Elasticsearch', 'Authorization: ApiKey {6:58}=='],
  ['Upstash', 'UPSTASH_REDIS_REST_TOKEN={6:60}'],
  // Monitoring: the vendors of our probes.
  ['Datadog key', 'DD_API_KEY={h:32}'],
  ['Datadog header', 'DD-APPLICATION-KEY: {h:40}'],
  ['New Relic key', 'NRAK-{U:27}'],
  ['New Relic licence', '{h:36}NRAL'],
  ['Grafana token', 'glsa_{A:32}_{h:8}'],
  ['Grafana Cloud token', 'glc_{6:100}'],
  ['Honeycomb key', 'hcaik_01{a:56}'],
  ['Honeycomb header', 'x-honeycomb-team: {A:22}'],
  ['PagerDuty header', 'Authorization: Token token={B:20}'],
  ['PagerDuty routing key', '{"routing_key":"{h:32}","event_action":"trigger"}'],
  ['Opsgenie', 'Authorization: GenieKey {u}'],
  ['Splunk', 'Authorization: Splunk {u}'],
  ['Splunk On-Call', 'VICTOROPS_API_KEY={h:32}'],
  ['Sentry token', 'sntrys_eyJ{6:100}_{6:43}'],
  ['Sentry user token', 'sntryu_{h:64}'],
  ['Sentry address', 'https://{h:32}@o1.ingest.sentry.io/2'],
  ['Rollbar', 'ROLLBAR_ACCESS_TOKEN={h:32}'],
  ['Better Stack', 'Authorization: Bearer {A:24}'],
  ['Better Stack heartbeat', 'https://uptime.betterstack.com/api/v1/heartbeat/{A:24}'],
  ['Healthchecks', 'https://hc-ping.com/{u}'],
  ['UptimeRobot', 'u1234567-{h:24}'],
  ['Checkly key', 'cu_{h:32}'],
  ['Dynatrace token', 'dt0c01.{U:24}.{U:64}'],
  ['LaunchDarkly key', 'sdk-{u}'],
  ['PostHog key', 'phx_{A:43}'],
  ['OTLP headers', 'OTEL_EXPORTER_OTLP_HEADERS=api-key={A:32}'],
  // Language models.
  ['Anthropic key', 'sk-ant-api03-{B:93}AA'],
  ['Claude Code token', 'sk-ant-oat01-{B:93}AA'],
  ['OpenAI key', 'sk-proj-{B:74}T3BlbkFJ{B:74}'],
  ['OpenRouter key', 'sk-or-v1-{h:64}'],
  ['Hugging Face token', 'hf_{A:34}'],
  ['Groq key', 'gsk_{A:52}'],
  ['Replicate token', 'r8_{A:37}'],
  ['xAI key', 'xai-{A:80}'],
  ['Perplexity key', 'pplx-{A:48}'],
  ['NVIDIA key', 'nvapi-{B:64}'],
  ['Mistral', 'MISTRAL_API_KEY={A:32}'],
  ['Cohere', 'CO_API_KEY={A:40}'],
  ['LangSmith key', 'lsv2_pt_{h:32}_{h:10}'],
  ['Pinecone key', 'pcsk_{A:6}_{A:63}'],
  ['ElevenLabs key', 'sk_{h:48}'],
  // Messages, payment, business.
  ['Slack bot token', 'xoxb-{D:12}-{D:13}-{A:24}'],
  ['Slack app token', 'xapp-1-A{U:10}-{D:13}-{h:64}'],
  ['Slack rotating token', 'xoxe.xoxb-1-{B:160}'],
  ['Slack webhook', 'https://hooks.slack.com/services/T{U:8}/B{U:8}/{A:24}'],
  ['Discord token', 'M{A:23}.{A:6}.{B:38}'],
  ['Discord webhook', 'https://discord.com/api/webhooks/{D:18}/{B:68}'],
  ['Teams webhook', 'https://a.webhook.office.com/webhookb2/{u}@{u}/IncomingWebhook/{h:32}/{u}'],
  ['Telegram token', '{D:10}:AA{B:33}'],
  ['Telegram address', 'https://api.telegram.org/bot{D:10}:AA{B:33}/sendMessage'],
  ['Twilio key', 'SK{h:32}'],
  ['Twilio token', 'TWILIO_AUTH_TOKEN={h:32}'],
  ['SendGrid key', 'SG.{B:22}.{B:43}'],
  ['Mailgun key', 'key-{h:32}'],
  ['Mailgun new key', '{h:32}-{h:8}-{h:8}'],
  ['Mailchimp key', '{h:32}-us12'],
  ['Postmark', 'X-Postmark-Server-Token: {u}'],
  ['Resend key', 're_{A:8}_{A:24}'],
  ['Brevo key', 'xkeysib-{h:64}-{A:16}'],
  ['Zapier webhook', 'https://hooks.zapier.com/hooks/catch/{D:7}/{a:7}'],
  ['Stripe key', 'sk_live_{A:24}'],
  ['Stripe restricted key', 'rk_live_{A:24}'],
  ['Stripe webhook secret', 'whsec_{A:32}'],
  ['Square token', 'sq0atp-{B:22}'],
  ['Braintree token', 'access_token$production${a:16}${h:32}'],
  ['Plaid token', 'access-production-{u}'],
  ['Shopify token', 'shpat_{h:32}'],
  ['Razorpay key', 'rzp_live_{A:14}'],
  ['Notion token', 'ntn_{A:46}'],
  ['Linear key', 'lin_api_{A:40}'],
  ['Airtable token', 'pat{A:14}.{h:64}'],
  ['Asana token', '1/{D:16}:{h:32}'],
  ['Figma token', 'figd_{B:40}'],
  ['HubSpot token', 'pat-na1-{u}'],
  ['Contentful token', 'CFPAT-{B:43}'],
  ['Postman key', 'PMAK-{h:24}-{h:34}'],
  ['Facebook token', 'EAA{A:120}'],
  ['Mapbox token', 'sk.eyJ{B:60}.{B:22}'],
  // Headers, cookies, commands.
  ['Basic', 'Authorization: Basic {p}'],
  ['Basic without a name', 'curl -H "Basic {p}"'],
  ['Digest', 'Authorization: Digest username="app", realm="r", nonce="{h:32}", response="{h:32}"'],
  ['Cookie', 'Cookie: theme=dark; sid={A:32}; other={A:16}'],
  ['Set-Cookie', 'Set-Cookie: SESSID={A:32}; Path=/; HttpOnly'],
  ['Key header', 'X-Api-Key: {A:32}'],
  ['Session cookie', 'PHPSESSID={a:26}'],
  ['curl user', 'curl -u app:{A:16} https://example.com'],
  ['Option', 'deploy --api-token {A:24} --verbose'],
  ['Option with =', "deploy --password='{A:12}'"],
  ['netrc', 'machine example.com login app password {A:16}'],
  ['Go headers', 'map[Accept:[*/*] Authorization:[Bearer {A:32}] Cookie:[a={A:20}]]'],
  ['Raw headers', '["host","example.com","authorization","Basic {p}"]'],
  ['XML', '<server><username>app</username><password>{A:16}</password></server>'],
  ['YAML', 'database:\n  password: {w:12}\n  host: db\n'],
  ['TOML', 'api_key = "{A:32}"'],
  ['JSON', '{"user":"app","password":"{w:12}"}'],
  ['Name and value', '{"name":"DB_PASSWORD","value":"{A:14}"}'],
  ['Python', "{'db_password': '{A:14}', 'port': 5432}"],
  ['Ruby', ':secret_key_base => "{h:64}"'],
  ['Form', 'username=app&password={A:14}&remember=1'],
  ['Camel case', 'clientSecret: "{A:32}"'],
  ['Password with signs', 'password=p@{A:6}#{A:6}!'],
  ['Address with @ in the password', 'postgres://app:{A:6}@{A:6}@db/app'],
  ['Address with / in the password', 'postgres://app:{A:6}/{A:6}@db/app'],
  ['Address with a quote in the password', 'postgres://app:{A:6}"{A:6}@db/app'],
  ['JSON password with a quote', '{"password":"{A:6}\\"{A:6}"}'],
  ['libpq password with a quote', "host=db password='{A:6}\\'{A:6}' user=app"],
];

const ALPHABETS: Record<string, string> = {
  A: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  a: 'abcdefghijklmnopqrstuvwxyz0123456789',
  U: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567',
  h: '0123456789abcdef',
  D: '123456789',
  B: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  6: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  w: 'abcdefghijklmnopqrstuvwxyz',
};

/** A text with a secret, and its random parts, none of which may be left. */
export interface Sample {
  issuer: string;
  text: string;
  parts: string[];
}

/** The corpus with values made from a seed. */
export function samples(seed: number): Sample[] {
  let state = seed;
  const random = (max: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * max);
  };
  const characters = (alphabet: string, length: number): string => {
    const of = ALPHABETS[alphabet] ?? '';
    const first = of.replace(/[-_+/]/g, '');
    return Array.from({ length }, (_, i) => {
      const from = i === 0 || i === length - 1 ? first : of;
      return from[random(from.length)];
    }).join('');
  };
  const value = (kind: string, length: number): string => {
    if (kind === 'u') return [8, 4, 4, 4, 12].map((n) => characters('h', n)).join('-');
    if (kind === 'j') return btoa(`{"kid":"${characters('A', 24)}"}`).replace(/=+$/, '');
    if (kind === 'p') return btoa(`app:${characters('A', 12)}`);
    return characters(kind, length);
  };
  return CORPUS.map(([issuer, template]) => {
    const parts: string[] = [];
    const text = template.replace(/\{([A-Za-z6])(?::(\d+))?\}/g, (_, kind: string, length?: string) => {
      const part = value(kind, Number(length ?? 0));
      parts.push(part);
      return part;
    });
    return { issuer, text, parts };
  });
}
