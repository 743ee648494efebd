/** Faults of the LLM provider and of Slack. */
import { setTimeout as sleep } from 'node:timers/promises';
import { apiError, message } from '../../support/anthropic.ts';
import { type Answer, cutShort, hang, html, json, reset } from '../../support/http-double.ts';
import { type Fault, until } from './fault.ts';

export const SERVICE_FAULTS: Fault[] = [
  engine([35], 'engine overloaded', apiError(529)),
  engine([36], 'engine limits the rate', apiError(429, { 'retry-after': '1' })),
  engine([36], 'engine limits the rate without a Retry-After', apiError(429)),
  engine([37], 'engine hangs', hang),
  engine([37], 'engine breaks off', cutShort),
  engine([38], 'engine answers HTML', html(200)),
  engine([38], 'engine refuses', json(200, message('', { stop_reason: 'refusal' }))),
  engine([38], 'engine gives an empty answer', json(200, message(''))),
  engine([39], 'engine rejects the request', apiError(400)),
  engine([39], 'engine refuses the key', apiError(401)),
  posts([40], 'Slack limits the rate', json(429, { ok: false, error: 'ratelimited' }, { 'retry-after': '3' })),
  posts([41], 'Slack fails before it accepts', html(500)),
  {
    numbers: [41, 42, 43, 44],
    name: 'the answer to a post is lost',
    group: 'rest',
    inject: async (world) => {
      const { slack, chance } = world;
      if (chance.fraction() < 0.5) slack.lookUp.lagMs = chance.between(0, 10_000);
      if (chance.fraction() < 0.5)
        slack.lookUp.error = chance.of(['missing_scope', 'missing_scope', 'ratelimited', 'internal_error']);
      for (let i = chance.between(1, 5); i > 0; i--) {
        slack.next.push(
          slack.acceptThen(
            chance.of<Answer>([reset, hang, html(502), json(200, { ok: false, error: 'internal_error' })]),
          ),
        );
      }
      await until(() => slack.next.length === 0, 60_000);
      await sleep(25_000);
      slack.next.length = 0;
      delete slack.lookUp.lagMs;
      delete slack.lookUp.error;
    },
  },
  {
    numbers: [40, 41, 42, 43],
    name: 'edits are limited, refused, or made without an answer',
    group: 'rest',
    inject: async ({ slack, chance }) => {
      const limited = json(429, { ok: false, error: 'ratelimited' }, { 'retry-after': '2' });
      for (let i = chance.between(2, 6); i > 0; i--)
        slack.nextEdits.push(chance.of<Answer>([reset, hang, html(502), limited]));
      await until(() => slack.nextEdits.length === 0, 60_000);
      slack.nextEdits.length = 0;
    },
  },
  posts([45], 'Slack rejects a message for good', json(200, { ok: false, error: 'channel_not_found' }), 1),
  {
    numbers: [46],
    name: 'Slack revokes the token, then accepts it again',
    group: 'rest',
    inject: async ({ slack }) => {
      const refuse: Answer = json(200, { ok: false, error: 'token_revoked' });
      slack.next.push(...Array.from({ length: 1_000 }, () => refuse));
      await sleep(25_000);
      slack.next.length = 0;
    },
  },
];

/** A series of one kind of answer of the engine. */
function engine(numbers: number[], name: string, answer: Answer): Fault {
  return {
    numbers,
    name,
    group: 'rest',
    inject: async ({ engine: double, chance }) => {
      double.next.push(...Array.from({ length: chance.between(1, 12) }, () => answer));
      await until(() => double.next.length === 0, 20_000);
      double.next.length = 0;
    },
  };
}

/** A series of one kind of answer to posts. Slack accepts none of them. */
function posts(numbers: number[], name: string, answer: Answer, most = 6): Fault {
  return {
    numbers,
    name,
    group: 'rest',
    inject: async ({ slack, chance }) => {
      slack.next.push(...Array.from({ length: chance.between(1, most) }, () => answer));
      await until(() => slack.next.length === 0, 30_000);
      slack.next.length = 0;
    },
  };
}
