/** The order and the rate in which guesses of the token are answered. The clock is a number. */
import { expect, test } from 'vitest';
import { GUESS_LIMITS, GuessQueue } from '../src/guesses.ts';

/** A guess, and its answers so far. */
function guess(isRight = false) {
  const answers: string[] = [];
  return { isRight: () => isRight, done: (answer: string) => void answers.push(answer), answers };
}

/** Lets clients send wrong tokens, a hundred a second each. Returns all guesses. */
function flood(queue: GuessQueue, clients: string[], seconds: number, from = 0) {
  const sent: ReturnType<typeof guess>[] = [];
  for (let at = from; at < from + seconds * 1_000; at += 10) {
    for (const client of clients) {
      const one = guess();
      sent.push(one);
      queue.add(client, one, at);
    }
    queue.answerNext(at);
  }
  return sent;
}

const checked = (guesses: ReturnType<typeof guess>[]) => guesses.filter(({ answers }) => answers[0] === 'wrong').length;

test('a flood of one client is answered at the rate of one client', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  const sent = flood(queue, ['a'], 60);
  const { burst, perSecond, waiting } = GUESS_LIMITS.client;
  expect(checked(sent)).toBeLessThanOrEqual(burst + perSecond * 60);
  expect(checked(sent)).toBeGreaterThan(burst + perSecond * 58);
  expect(queue.waiting).toBeLessThanOrEqual(waiting);
  expect(sent.every(({ answers }) => answers.length <= 1)).toBe(true);
});

test('a flood of many clients is answered at the rate of all together, and the waiting are bounded', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  const sent = flood(
    queue,
    Array.from({ length: 300 }, (_, i) => `client-${i}`),
    20,
  );
  const { burst, perSecond, waiting } = GUESS_LIMITS.overall;
  expect(checked(sent)).toBeLessThanOrEqual(burst + perSecond * 20);
  expect(queue.waiting).toBeLessThanOrEqual(waiting);
});

test('a right token waits for its turn like a wrong one, and uses none up', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  for (let i = 0; i < GUESS_LIMITS.client.burst; i++) queue.add('a', guess(), 0);
  const [first, right, last] = [guess(), guess(true), guess()];
  for (const each of [first, right, last]) queue.add('a', each, 0);
  queue.answerNext(199);
  expect([first, right, last].map(({ answers }) => answers)).toEqual([[], [], []]);
  queue.answerNext(200);
  expect([first, right, last].map(({ answers }) => answers)).toEqual([['wrong'], [], []]);
  queue.answerNext(400);
  expect([right, last].map(({ answers }) => answers)).toEqual([['right'], ['wrong']]);
});

test('a client that sends a right token is answered during a flood of others', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  const guessers = Array.from({ length: 10 }, (_, i) => `client-${i}`);
  flood(queue, guessers, 20);
  const right = guess(true);
  queue.add('holder', right, 20_000);
  // Ten guessers and the holder take turns, twenty a second.
  flood(queue, guessers, 1, 20_000);
  expect(right.answers).toEqual(['right']);
});

test('a new client takes a place from the one with the most waiting requests', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  flood(
    queue,
    Array.from({ length: 10 }, (_, i) => `client-${i}`),
    30,
  );
  const full = queue.waiting;
  expect(full).toBe(GUESS_LIMITS.overall.waiting);
  const right = guess(true);
  queue.add('holder', right, 30_000);
  expect([queue.waiting, right.answers]).not.toEqual([full, ['refused']]);
  flood(queue, ['client-0'], 2, 30_000);
  expect(right.answers).toEqual(['right']);
});

test('a client with turns left is answered at once on request, whatever the others do', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  flood(
    queue,
    Array.from({ length: 100 }, (_, i) => `client-${i}`),
    5,
  );
  const right = guess(true);
  expect(queue.answerNow('browser', right, 5_000)).toBe(true);
  expect(right.answers).toEqual(['right']);
  for (let i = 0; i < GUESS_LIMITS.client.burst; i++) queue.answerNow('browser', guess(), 5_000);
  expect(queue.answerNow('browser', guess(true), 5_000)).toBe(false);
});

test('more clients than are counted share one count', () => {
  const queue = new GuessQueue({ ...GUESS_LIMITS, overall: { burst: 1e6, perSecond: 1e6, waiting: 100 } });
  const sent = Array.from({ length: 12_000 }, (_, i) => {
    const one = guess();
    queue.add(`client-${i}`, one, 0);
    return one;
  });
  expect(checked(sent)).toBeLessThanOrEqual(10_000 + GUESS_LIMITS.client.burst);
  // Once their turns are all back, clients are counted one by one again.
  const right = guess();
  queue.add('client-11999', right, 60_000);
  expect(right.answers).toEqual(['wrong']);
});

test('a guess whose client is gone is not answered, and all others can be refused', () => {
  const queue = new GuessQueue(GUESS_LIMITS);
  for (let i = 0; i < GUESS_LIMITS.client.burst; i++) queue.add('a', guess(), 0);
  const [gone, waiting] = [guess(), guess()];
  queue.add('a', gone, 0);
  queue.add('a', waiting, 0);
  queue.remove('a', gone);
  expect(queue.waiting).toBe(1);
  queue.refuseAll();
  expect([queue.waiting, gone.answers, waiting.answers]).toEqual([0, [], ['refused']]);
});
