/**
 * Formats of secrets, from the documents of their issuers and from the lists that secret scanners keep.
 *
 * The text is untrusted. A head is the prefix and the shortest body that counts. It has a fixed maximum length, so it is tried at
 * each character in bounded time. Only a whole head is extended by its rest, and the scan continues after it.
 */

const WORD = String.raw`[\w-]*`;
const BASE64 = '[\\w+/=~.-]*';
const PATH = String.raw`(?:\\?[/?&=]|[\w+.%:@-])*`;
const SLASH = String.raw`\\?\/`;
const HTTPS = String.raw`(?:https:(?:\\?\/){2}(?:[\w-]{1,40}\.){0,2})?`;
const UUID = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';

/** Name of the secret, and its heads; each begins with a letter or digit. */
const BY_REST: ReadonlyArray<readonly [rest: string, formats: ReadonlyArray<readonly [name: string, head: string]>]> = [
  [
    WORD,
    [
      ['Slack token', '[xX][oO][xX][a-zA-Z](?:[.][xX][oO][xX][a-zA-Z])?-[\\w-]{8}|[xX][aA][pP][pP]-[\\w-]{8}'],
      ['Anthropic key', 'sk-ant-[\\w-]{8}'],
      ['API key', 'sk-[\\w-]{20}'],
      ['AWS key', '(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA|ANPA|ANVA|AIPA)[A-Z0-9]{12}(?![a-z_])'],
      ['GitHub token', 'gh[pousr]_[A-Za-z0-9]{20}|github_pat_\\w{20}'],
      ['GitLab token', 'gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|rtr|soat|wt)-[\\w-]{16}|GR1348941[\\w-]{20}'],
      ['Fly token', 'fo1_[\\w-]{20}'],
      ['Google key', 'AIza[\\w-]{30}|GOCSPX-[\\w-]{20}|ya29[.][\\w-]{20}|AQ[.]A[\\w-]{30}'],
      ['Stripe key', '[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10}|whsec_[A-Za-z0-9+/]{16}'],
      ['Twilio key', 'SK[0-9a-f]{32}'],
      ['Mailgun key', 'key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![0-9a-f-])'],
      ['Mailchimp key', '[0-9a-f]{32}-us[0-9]{1,2}'],
      ['Brevo key', 'xkeysib-[0-9a-f]{40}'],
      ['Resend key', 're_[A-Za-z0-9]{8}_[A-Za-z0-9]{20}'],
      ['npm token', 'npm_[A-Za-z0-9]{30}'],
      ['PyPI token', 'pypi-[\\w-]{30}'],
      ['RubyGems key', 'rubygems_[0-9a-f]{40}'],
      ['crates.io token', 'cio[A-Za-z0-9]{32}(?![A-Za-z0-9])'],
      ['NuGet key', 'oy2[a-z0-9]{43}'],
      ['Docker token', 'dckr_[op]at_[\\w-]{20}'],
      ['JFrog key', 'AKCp[A-Za-z0-9]{60}|cmVmdGtu[A-Za-z0-9]{50}'],
      ['Clojars token', 'CLOJARS_[a-z0-9]{50}'],
      ['New Relic key', 'NR(?:AA|AK|BR|II|IQ|JS|RA|SP)-[A-Za-z0-9_-]{19}|[0-9a-f]{36}NRAL'],
      ['Honeycomb key', 'hc[a-z]{1,2}(?:ik|lk|mk)_[a-z0-9]{20}'],
      ['Vault token', 'hv[sbr][.][\\w-]{20}|s[.](?=[A-Za-z]{0,23}[0-9])[A-Za-z0-9]{24}(?!\\w)'],
      ['Terraform token', '[A-Za-z0-9]{14}[.]atlasv1[.][\\w-]{40}'],
      ['DigitalOcean token', 'do[oprt]_v1_[0-9a-f]{40}'],
      ['database password', 'AVNS_[\\w-]{12}'],
      ['Heroku key', 'HRKU-[\\w-]{20}'],
      ['Cloudflare key', 'v1[.]0-[0-9a-f]{24}-[0-9a-f]{60}|cf(?:at|ut|k)_[A-Za-z0-9]{30}'],
      ['Vercel token', 'vc[aikpr]_[A-Za-z0-9]{24}'],
      ['Netlify token', 'nf[bcopu]_[A-Za-z0-9]{30}'],
      ['Supabase key', 'sbp_[0-9a-f]{40}|sb_secret_[\\w-]{20}'],
      ['PlanetScale password', 'pscale_(?:tkn|pw|oauth|otkn)_[\\w.=-]{20}'],
      ['Neon key', 'napi_[a-z0-9]{40}'],
      ['MongoDB secret', 'mdb_sa_sk_[\\w-]{20}'],
      ['CockroachDB key', 'CCDB1_[\\w-]{20}'],
      ['Render key', 'rnd_[A-Za-z0-9]{20}'],
      ['Hugging Face token', 'hf_[A-Za-z0-9]{30}|api_org_[A-Za-z0-9]{30}'],
      ['Replicate token', 'r8_[A-Za-z0-9]{30}'],
      ['LLM key', 'gsk_[A-Za-z0-9]{30}|pplx-[A-Za-z0-9]{30}|xai-[A-Za-z0-9]{40}|fw_[A-Za-z0-9]{20}|tgp_v1_[\\w-]{30}'],
      ['LLM key', 'nvapi-[\\w-]{40}|csk-[a-z0-9]{30}|sk_[0-9a-f]{40}|jina_[\\w-]{40}|lsv2_(?:pt|sk)_[0-9a-f]{30}'],
      ['search key', 'tvly-(?:dev-|prod-)?[A-Za-z0-9]{20}|fc-[0-9a-f]{32}|pcsk_[\\w-]{30}|e2b_[0-9a-f]{30}'],
      ['PostHog key', 'ph[crsx]_[A-Za-z0-9]{30}'],
      ['Atlassian token', 'AT[AC]TT3[\\w=-]{40}|ATBB[A-Za-z0-9]{24}'],
      ['Linear key', 'lin_(?:api|oauth|wh)_[A-Za-z0-9]{30}'],
      ['Notion token', 'ntn_[A-Za-z0-9]{30}|secret_[A-Za-z0-9]{40}'],
      ['Airtable token', 'pat[A-Za-z0-9]{14}[.][0-9a-f]{40}'],
      ['Figma token', 'fig[dou]r?_[\\w-]{30}'],
      ['ClickUp token', 'pk_[0-9]{5,12}_[A-Z0-9]{30}'],
      ['Contentful token', 'CFPAT-[\\w-]{30}'],
      ['Postman key', 'PMAK-[0-9a-f]{24}'],
      ['Typeform token', 'tfp_[\\w-]{30}'],
      ['HubSpot token', `pat-[a-z]{2}[0-9]-${UUID}`],
      ['Shopify token', 'shp(?:at|ca|pa|ss|tka|ua)_[0-9a-fA-F]{30}'],
      ['Square token', 'sq0(?:atp|csp|idp)-[\\w-]{20}|EAAA[\\w-]{56}'],
      ['Braintree token', 'access_token[$][a-z]{4,12}[$][0-9a-z]{16}[$][0-9a-f]{32}'],
      ['Plaid token', `access-(?:sandbox|development|production)-${UUID}`],
      ['Facebook token', 'EAA[A-Za-z0-9]{40}'],
      ['Razorpay key', 'rzp_(?:live|test)_[A-Za-z0-9]{14}'],
      ['Flutterwave key', 'FLWSECK(?:_TEST)?-[\\w-]{12}'],
      ['Discord token', '[MNO][\\w-]{23,26}[.][\\w-]{6}[.][\\w-]{27}'],
      ['Telegram token', '[0-9]{8,10}:AA[\\w-]{30}'],
      ['X token', 'AAAAAAAAAAAAAAAAAAAAA[\\w%]{30}'],
      ['Twitch token', 'oauth:[a-z0-9]{30}'],
      ['Alibaba key', 'LTAI[A-Za-z0-9]{12}'],
      ['Tencent key', 'AKID[A-Za-z0-9]{13}'],
      ['Yandex key', 'AQVN[\\w-]{35}|y[0-3]_[\\w-]{50}|t1[.][\\w-]{20}[.][\\w-]{40}'],
      ['Tailscale key', 'tskey-[a-z]{3,8}-[A-Za-z0-9-]{16}'],
      ['Databricks token', '(?:dapi|dkea|dose)[0-9a-f]{32}'],
      ['Pulumi token', 'pul-[0-9a-f]{40}'],
      ['Prefect key', 'pn[ub]_[A-Za-z0-9]{36}'],
      ['Buildkite token', 'bk(?:ua|aj|at)_[A-Za-z0-9]{30}'],
      ['CircleCI token', 'CCIP(?:AT|RJ)_[A-Za-z0-9]{16}'],
      ['SonarQube token', 'sq[apu]_[0-9a-f]{40}'],
      ['Sourcegraph token', 'sgp_(?:[0-9a-f]{16}_|local_)?[0-9a-f]{40}'],
      ['LaunchDarkly key', `(?:api|sdk)-${UUID}`],
      ['Dynatrace token', 'dt0[a-z][0-9]{2}[.][A-Z0-9]{24}[.][A-Z0-9]{40}'],
      ['UptimeRobot key', 'ur?[0-9]{5,8}-[0-9a-f]{24}|m[0-9]{8,10}-[0-9a-f]{24}'],
      ['Checkly key', 'cu_[0-9a-f]{32}'],
      ['PagerDuty key', 'pd[a-z]{2}_[A-Za-z0-9_-]{30}|u[+][A-Za-z0-9_-]{18}'],
      ['1Password key', 'A3-[A-Z0-9]{6}-[A-Z0-9]{6,11}-[A-Z0-9]{5}(?:-[A-Z0-9]{5})'],
      ['age key', 'AGE-SECRET-KEY-1[A-Z0-9]{40}'],
      ['EasyPost key', 'EZ[AT]K[A-Za-z0-9]{50}'],
      ['Duffel token', 'duffel_(?:live|test)_[\\w-]{30}'],
      ['Shippo token', 'shippo_(?:live|test)_[0-9a-f]{30}'],
      ['ReadMe key', 'rdme_[a-z0-9]{60}'],
      ['Octopus key', 'API-[A-Z0-9]{26}'],
      ['OpenShift token', 'sha256~[\\w-]{40}'],
      ['Inngest key', 'signkey-(?:prod|test|branch)-[0-9a-f]{32}'],
      ['Polar token', 'polar_(?:oat|pat|whs)_[A-Za-z0-9]{30}'],
      ['MaxMind key', '[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk'],
      ['Frame.io token', 'fio-u-[\\w-]{40}'],
      ['Asana token', '[12]/[0-9]{13,17}(?:/[0-9]{13,17})?:[0-9a-f]{32}'],
    ],
  ],
  [
    BASE64,
    [
      ['Fly token', 'fm[12][a-z]?_[A-Za-z0-9+/=_-]{20}'],
      ['Doppler token', 'dp[.](?:pt|st|ct|sa|scim|audit)[.][\\w.-]{20}'],
      ['Sentry token', 'sntry[su]_[\\w+/=-]{20}'],
      ['Infisical token', 'st[.][0-9a-f-]{24,36}[.][0-9a-f]{24}'],
      ['Grafana token', 'gl(?:sa|c)_[A-Za-z0-9+/]{20}|eyJrIjoi[A-Za-z0-9]{30}'],
      ['SendGrid key', 'SG[.][\\w-]{16,32}[.][\\w-]{16}'],
      ['Bedrock key', 'ABSK[A-Za-z0-9+/]{40}|bedrock-api-key-[A-Za-z0-9+/]{20}'],
      ['Google token', '1//0[\\w-]{24}'],
      ['1Password token', 'ops_eyJ[\\w+/=-]{40}'],
      ['Azure secret', '[\\w~.-]{3}[0-9]Q~[\\w~.-]{31}'],
      [
        'Azure key',
        '(?<![+/])[A-Za-z0-9+/]{76}[+]ASt[A-Za-z0-9+/]{5}|[A-Za-z0-9]{52,76}AZDO[A-Za-z0-9]{4}|[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{8}',
      ],
      ['Harness token', '[ps]at[.][\\w-]{22}[.][0-9a-f]{24}[.][A-Za-z0-9]{20}'],
      ['Mapbox token', 'sk[.]eyJ[\\w-]{30}'],
      ['Adyen key', 'AQE[a-z][\\w+/]{50}'],
    ],
  ],
  [
    PATH,
    [
      ['Slack webhook', `${HTTPS}hooks[.]slack[.]com${SLASH}[a-z]{6,12}${SLASH}\\w{2}`],
      [
        'Discord webhook',
        `${HTTPS}discord(?:app)?[.]com${SLASH}api${SLASH}(?:v[0-9]{1,2}${SLASH})?webhooks${SLASH}[0-9]{5}`,
      ],
      ['Teams webhook', `${HTTPS}webhook[.]office[.]com${SLASH}webhookb2${SLASH}\\w{4}`],
      ['Zapier webhook', `${HTTPS}hooks[.]zapier[.]com${SLASH}hooks${SLASH}catch${SLASH}[0-9]{2}`],
      ['IFTTT webhook', `${HTTPS}maker[.]ifttt[.]com${SLASH}trigger${SLASH}\\w`],
      ['Telegram token', `${HTTPS}api[.]telegram[.]org${SLASH}bot[0-9]{5}`],
      ['Healthchecks address', `${HTTPS}hc-ping[.]com${SLASH}[\\w-]{16}`],
      [
        'Better Stack address',
        `${HTTPS}(?:betteruptime|betterstack)[.]com${SLASH}api${SLASH}v1${SLASH}heartbeat${SLASH}\\w{8}`,
      ],
      ['PagerDuty address', `${HTTPS}events[.]pagerduty[.]com${SLASH}integration${SLASH}[0-9a-f]{8}`],
    ],
  ],
];

/** A secret begins here: not after a letter or digit, except for the last letter of a line break in JSON or of a colour code. */
export const START = String.raw`(?<=^|[^A-Za-z0-9]|\\[nrtbf]|\[[\d;]{0,12}m)`;

const NAMES = BY_REST.flatMap(([, formats]) => formats.map(([name]) => name));

const ANY = new RegExp(
  `(?=[\\w~.-])${START}(?:${BY_REST.map(([rest, formats]) => `(?:${formats.map(([, head]) => `(${head})`).join('|')})${rest}`).join('|')})`,
  'g',
);

/** Trying all formats is slow, so only runs of characters that are long enough are tried. */
const RUN = /[\w.+/~%$:=\\[;?&@-]{13,}/g;

/** Replaces each secret of a published format with `[redacted NAME]`. */
export function redactFormats(text: string): string {
  return text.replace(RUN, (run) => run.replace(ANY, nameOf)).replace(/FlyV1\s{1,8}(?=\[redacted Fly)/g, '');
}

function nameOf(_secret: string, ...heads: unknown[]): string {
  return `[redacted ${NAMES[heads.findIndex((head) => head !== undefined)]}]`;
}
