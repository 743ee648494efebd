/** Faults of our own processes: killed, frozen, stopped. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, json } from '../../support/http-double.ts';
import { type Fault, until } from './fault.ts';

export const APP_FAULTS: Fault[] = [
  {
    numbers: [17, 18, 19],
    name: 'kill -9 of a tailer in a burst of rows',
    group: 'file',
    inject: async ({ writer, tailers, chance }) => {
      for (let i = 0; i < 200; i++) writer.row();
      await sleep(chance.between(0, 60));
      for (const tailer of tailers) if (chance.fraction() < 0.7) tailer.signal('SIGKILL');
      await sleep(1_000);
    },
  },
  {
    numbers: [20],
    name: 'SIGSTOP of a tailer past its lease',
    group: 'file',
    inject: async ({ tailers, chance, writer }) => {
      const [first, second] = tailers;
      const frozen = chance.fraction() < 0.5 ? first : second;
      writer.row();
      frozen?.signal('SIGSTOP');
      await sleep(13_000);
      frozen?.signal('SIGCONT');
    },
  },
  {
    numbers: [31],
    name: 'kill -9 of workers, at any time',
    group: 'rest',
    inject: async ({ workers, chance }) => {
      for (let i = chance.between(1, 4); i > 0; i--) {
        for (const worker of workers) if (chance.fraction() < 0.6) worker.signal('SIGKILL');
        await sleep(chance.between(500, 3_000));
      }
    },
  },
  {
    numbers: [31],
    name: 'kill -9 of the API while people act',
    group: 'rest',
    inject: async ({ apis, people, chance }) => {
      for (let i = chance.between(1, 3); i > 0; i--) {
        void people.act();
        await sleep(chance.between(0, 100));
        for (const api of apis) api.signal('SIGKILL');
        await sleep(chance.between(1_500, 4_000));
      }
    },
  },
  {
    numbers: [31, 32],
    name: 'kill -9 of all workers around a post',
    group: 'rest',
    inject: async ({ slack, workers, chance }) => {
      const die: Answer = () => {
        for (const worker of workers) worker.signal('SIGKILL');
      };
      for (let i = chance.between(1, 3); i > 0; i--) slack.next.push(chance.of([die, slack.acceptThen(die)]));
      await until(() => slack.next.length === 0, 60_000);
      slack.next.length = 0;
    },
  },
  {
    numbers: [33],
    name: 'a worker frozen past its locks',
    group: 'rest',
    inject: async ({ workers, chance }) => {
      const [first, second] = workers;
      const frozen = chance.fraction() < 0.5 ? first : second;
      frozen?.signal('SIGSTOP');
      await sleep(21_000);
      frozen?.signal('SIGCONT');
    },
  },
  {
    numbers: [34],
    name: 'SIGTERM of all workers during a post',
    group: 'rest',
    inject: async ({ slack, workers }) => {
      const stop: Answer = async () => {
        for (const worker of workers) worker.signal('SIGTERM');
        await sleep(500);
      };
      slack.next.push(async (request, response, socket) => {
        await stop(request, response, socket);
        return slack.acceptThen(json(200, { ok: true, channel: 'DU0OPERATOR', ts: `${Date.now() / 1000}` }))(
          request,
          response,
          socket,
        );
      });
      await until(() => slack.next.length === 0, 30_000);
      slack.next.length = 0;
      await sleep(3_000);
    },
  },
];
