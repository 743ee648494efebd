/**
 * Limits how fast tokens can be guessed, per client and over all. A request whose turn has not come waits, also if its token
 * is right: otherwise its quick answer would tell a guesser that the token is right. Clients take turns, so a flood of one
 * client does not hold up the others. Only wrong tokens use up turns.
 */

interface Rate {
  /** Wrong tokens that are answered at once. */
  burst: number;
  /** After those, wrong tokens per second. */
  perSecond: number;
  /** Requests that may wait for their turn. */
  waiting: number;
}

export interface GuessLimits {
  client: Rate;
  overall: Rate;
}

export const GUESS_LIMITS: GuessLimits = {
  client: { burst: 20, perSecond: 5, waiting: 50 },
  overall: { burst: 100, perSecond: 20, waiting: 500 },
};

/** Clients whose wrong tokens are counted one by one. Further clients share one count. */
const MAX_CLIENTS = 10_000;
const OTHERS = 'others';
/** Time between two searches for counts that are no longer needed, ms. */
const SWEEP_MS = 1_000;

export interface Guess {
  isRight(): boolean;
  /** @param answer `refused`: the token was not checked, because too many requests wait */
  done(answer: 'right' | 'wrong' | 'refused'): void;
}

/** Number of turns that were left at a time, ms. */
interface Turns {
  left: number;
  at: number;
}

/** Times (`at`) are ms of a clock that is never set back. */
export class GuessQueue {
  readonly #limits: GuessLimits;
  readonly #turns = new Map<string, Turns>();
  readonly #overall: Turns;
  /** Waiting guesses by client. The client whose turn is next comes first. */
  readonly #waiting = new Map<string, Guess[]>();
  #count = 0;
  #sweptAt = 0;

  constructor(limits: GuessLimits) {
    this.#limits = limits;
    this.#overall = { left: limits.overall.burst, at: 0 };
  }

  /** Number of guesses that wait. */
  get waiting(): number {
    return this.#count;
  }

  /** Answers a guess at once if this client has a turn left, whatever others do. Returns false if it has none. */
  answerNow(client: string, guess: Guess, at: number): boolean {
    const turns = this.#turnsOf(client, at);
    if (turns.left < 1) return false;
    answer(guess, [turns]);
    return true;
  }

  /** Answers a guess as soon as its turn comes: now, or in a later call of {@link answerNext}. */
  add(client: string, guess: Guess, at: number): void {
    this.#waiting.set(client, [...(this.#waiting.get(client) ?? []), guess]);
    this.#count += 1;
    this.answerNext(at);
    const { client: one, overall } = this.#limits;
    if ((this.#waiting.get(client)?.length ?? 0) > one.waiting) this.#refuseLast(client);
    if (this.waiting > overall.waiting) this.#refuseLast(this.#longest());
  }

  /** Answers the waiting guesses whose turn has come. */
  answerNext(at: number): void {
    const overall = refilled(this.#overall, this.#limits.overall, at);
    for (let hasAnswered = true; hasAnswered; ) {
      hasAnswered = false;
      // One guess of each client, then the next one of each.
      for (const client of overall.left < 1 ? [] : [...this.#waiting.keys()]) {
        const [guess] = this.#waiting.get(client) ?? [];
        const turns = this.#turnsOf(client, at);
        if (!guess || turns.left < 1 || overall.left < 1) continue;
        this.remove(client, guess);
        // Behind the others, until its next turn.
        const rest = this.#waiting.get(client);
        if (rest && this.#waiting.delete(client)) this.#waiting.set(client, rest);
        answer(guess, [turns, overall]);
        hasAnswered = true;
      }
    }
  }

  /** Forgets a guess whose client is gone. */
  remove(client: string, guess: Guess): void {
    const all = this.#waiting.get(client) ?? [];
    const rest = all.filter((each) => each !== guess);
    this.#count -= all.length - rest.length;
    if (rest.length > 0) this.#waiting.set(client, rest);
    else this.#waiting.delete(client);
  }

  /** Refuses all waiting guesses. */
  refuseAll(): void {
    for (const client of this.#waiting.keys()) while (this.#waiting.has(client)) this.#refuseLast(client);
  }

  #turnsOf(client: string, at: number): Turns {
    const limit = this.#limits.client;
    const found = this.#turns.get(client);
    if (found) return refilled(found, limit, at);
    if (this.#turns.size >= MAX_CLIENTS && at >= this.#sweptAt + SWEEP_MS) this.#sweep(at);
    if (this.#turns.size >= MAX_CLIENTS && client !== OTHERS) return this.#turnsOf(OTHERS, at);
    const turns = { left: limit.burst, at };
    this.#turns.set(client, turns);
    return turns;
  }

  /** Drops the counts of clients that have all their turns. */
  #sweep(at: number): void {
    this.#sweptAt = at;
    const { client } = this.#limits;
    for (const [name, turns] of this.#turns) {
      if (refilled(turns, client, at).left === client.burst) this.#turns.delete(name);
    }
  }

  #longest(): string {
    let longest = '';
    let length = 0;
    for (const [client, guesses] of this.#waiting) {
      if (guesses.length > length) [longest, length] = [client, guesses.length];
    }
    return longest;
  }

  #refuseLast(client: string): void {
    const guess = this.#waiting.get(client)?.at(-1);
    if (!guess) return;
    this.remove(client, guess);
    guess.done('refused');
  }
}

function refilled(turns: Turns, { burst, perSecond }: Rate, at: number): Turns {
  turns.left = Math.min(burst, turns.left + ((at - turns.at) * perSecond) / 1_000);
  turns.at = at;
  return turns;
}

function answer(guess: Guess, spent: Turns[]): void {
  const isRight = guess.isRight();
  if (!isRight) for (const turns of spent) turns.left -= 1;
  guess.done(isRight ? 'right' : 'wrong');
}
