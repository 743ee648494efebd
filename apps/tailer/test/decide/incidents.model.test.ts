/**
 * Random histories of one pair: rows, recoveries, ends of windows and snoozes, clicks (doubled, late, of two people), deliveries, and deaths
 * of the tailer before a commit. They are compared with a model after each step.
 */
import { readAccount } from '@kora-wake/shared/store/account';
import {
  actOnIncident,
  type IncidentAction,
  listIncidents,
  readQueuedRows,
  runIncidentClocks,
} from '@kora-wake/shared/store/incidents';
import {
  beginDelivery,
  readReadiness,
  readWakeRecord,
  recordOutcome,
  withdrawIfOver,
} from '@kora-wake/shared/store/wake-record';
import { clearWindow } from '@kora-wake/shared/store/windows';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { type Namespace, removeKeys, test } from '../../../../test/support/fixtures.ts';
import { assertBounded, lastRun } from '../../../../test/support/property.ts';
import { committing, fires, recovers } from '../committing.ts';

const PAIR = { probe: 'fly', category: 'c' };

type Step =
  | { kind: 'rows'; severities: Array<'warning' | 'critical'>; dies: boolean }
  | { kind: 'recover' | 'window ends' | 'snooze ends' | 'deliver' }
  | { kind: 'act'; action: IncidentAction; by: string; click: 'none' | 'once' | 'twice' | 'late' };

const steps = fc.array(
  fc.oneof(
    { arbitrary: rowsStep(), weight: 4 },
    { arbitrary: fc.record({ kind: fc.constantFrom('recover', 'window ends', 'snooze ends') }), weight: 3 },
    { arbitrary: fc.record({ kind: fc.constant('deliver' as const) }), weight: 4 },
    { arbitrary: actStep(), weight: 4 },
  ),
  { minLength: 1, maxLength: 25 },
) satisfies fc.Arbitrary<Step[]>;

function rowsStep() {
  return fc.record({
    kind: fc.constant('rows' as const),
    severities: fc.array(fc.constantFrom('warning', 'warning', 'critical'), { minLength: 1, maxLength: 3 }),
    dies: fc.boolean(),
  }) satisfies fc.Arbitrary<Step>;
}

function actStep() {
  return fc.record({
    kind: fc.constant('act' as const),
    action: fc.constantFrom<IncidentAction>(
      { kind: 'acknowledge' },
      { kind: 'snooze', seconds: 3_600 },
      { kind: 'resolve' },
    ),
    by: fc.constantFrom('ada', 'bob'),
    click: fc.constantFrom('none', 'once', 'twice', 'late'),
  }) satisfies fc.Arbitrary<Step>;
}

interface ModelWake {
  id: string;
  isFirstCritical: boolean;
  /** It reopened the incident soon after a message: it waits for longer than a test lasts. */
  waits: boolean;
  over: 'recovered' | 'resolved' | undefined;
  outcome: 'diagnosis' | 'joined' | 'withdrawn' | undefined;
}

/** The rules, without Redis. */
class Model {
  state: 'firing' | 'acknowledged' | 'snoozed' | 'closed' | undefined;
  by: string | null = null;
  rows = 0;
  flaps = 0;
  openings = 0;
  isFiring = false;
  hasWindow = false;
  hadCritical = false;
  message: string | undefined;
  wakes: ModelWake[] = [];

  row(id: string, severity: string): void {
    const isFirstCritical = severity === 'critical' && !this.hadCritical;
    this.isFiring = true;
    this.rows++;
    if (this.hasWindow && !isFirstCritical) return;
    this.hasWindow = true;
    const reopens = this.state === 'closed';
    if (this.state === undefined || reopens) {
      this.openings++;
      if (reopens) this.flaps++;
      this.state = 'firing';
      this.by = null;
    }
    if (isFirstCritical) {
      this.hadCritical = true;
      this.state = 'firing';
      this.by = null;
    }
    const waits = reopens && !isFirstCritical && this.message !== undefined;
    this.wakes.push({ id, isFirstCritical, waits, over: undefined, outcome: undefined });
  }

  close(reason: 'recovered' | 'resolved'): void {
    this.state = 'closed';
    this.isFiring = false;
    this.hasWindow = false;
    for (const wake of this.wakes) if (!wake.outcome && wake.over !== 'resolved') wake.over = reason;
  }

  act({ kind }: IncidentAction, by: string): string {
    if (this.state === undefined) return 'unknown';
    if (this.state === 'closed') return 'closed';
    if (kind === 'resolve') {
      this.close('resolved');
      this.by = by;
      return 'done';
    }
    const after = kind === 'acknowledge' ? 'acknowledged' : 'snoozed';
    if (kind === 'acknowledge' && this.state === after && this.by === by) return 'unchanged';
    this.state = after;
    this.by = by;
    return 'done';
  }

  /** The outcome that a worker gives the wake. Undefined: it waits. */
  fateOf(wake: ModelWake): ModelWake['outcome'] {
    if (wake.over === 'resolved' || (wake.over === 'recovered' && !wake.isFirstCritical)) return 'withdrawn';
    const isQuiet = this.state === 'acknowledged' || this.state === 'snoozed';
    if (isQuiet && this.message !== undefined && !wake.isFirstCritical) return 'joined';
    return wake.waits ? undefined : 'diagnosis';
  }
}

let made = 0;

/** Runs the steps against Redis and the model. */
async function run(ns: Namespace, given: Step[]): Promise<void> {
  const { redis, keys } = ns;
  const { commit } = await committing(ns);
  const model = new Model();
  const incident = async () => (await listIncidents(redis, keys, { isOpen: false, limit: 10 })).incidents;
  const idOf = async () => (await incident())[0]?.id ?? 'i-none';

  /** As a worker treats the oldest wake without an outcome. */
  async function deliver(): Promise<void> {
    const wake = model.wakes.find((each) => !each.outcome && model.fateOf(each) !== undefined);
    if (!wake) return;
    const about = { id: wake.id, ...PAIR, severity: 'warning' };
    const { isOver, quietFor, notBefore } = await readReadiness(redis, keys, { id: wake.id, severity: 'warning' });
    let outcome: ModelWake['outcome'];
    if (isOver) {
      expect(await withdrawIfOver(redis, keys, about, Date.now(), false)).toBe('now');
      outcome = 'withdrawn';
    } else if (quietFor !== undefined) {
      await recordOutcome(redis, keys, { wake: about, outcome: 'joined', at: Date.now(), joinedInto: quietFor });
      outcome = 'joined';
    } else {
      expect(notBefore).toBeLessThanOrEqual(Date.now());
      expect(await beginDelivery(redis, keys, about, Date.now())).toMatchObject({ isOver: false, quietFor: undefined });
      const posted = { channel: 'D1', ts: String(++made) };
      await recordOutcome(redis, keys, { wake: about, outcome: 'diagnosis', at: Date.now(), posted });
      outcome = 'diagnosis';
    }
    expect([wake, outcome]).toEqual([wake, model.fateOf(wake)]);
    wake.outcome = outcome;
    if (outcome === 'diagnosis') model.message = wake.id;
  }

  for (const step of given) {
    if (step.kind === 'rows') {
      const rows = step.severities.map((severity) => fires(PAIR, { severity, title: `row ${++made}` }));
      if (step.dies) await commit(rows, { dies: true });
      const { ids } = await commit(rows, { mayReplay: step.dies });
      for (const [i, id] of ids.entries()) model.row(id, step.severities[i] ?? '');
    } else if (step.kind === 'recover') {
      await commit([recovers(PAIR)]);
      if (model.isFiring) model.close('recovered');
    } else if (step.kind === 'window ends') {
      await clearWindow({ redis, keys, queue: ns.queue }, PAIR.probe, PAIR.category);
      model.hasWindow = false;
    } else if (step.kind === 'snooze ends') {
      await redis.eval(
        "if redis.call('HEXISTS', KEYS[1], 'snoozedUntil') == 1 then redis.call('HSET', KEYS[1], 'snoozedUntil', 1) end",
        1,
        keys.incident(await idOf()),
      );
      await runIncidentClocks(redis, keys, { remindMs: 0 });
      if (model.state === 'snoozed') {
        model.state = 'firing';
        model.by = null;
      }
    } else if (step.kind === 'act') await act(step);
    else await deliver();
    await compare();
  }

  async function act({ action, by, click }: Extract<Step, { kind: 'act' }>): Promise<void> {
    const id = await idOf();
    const clicked = { id: `click-${++made}`, at: click === 'late' ? 1 : Date.now() + 60_000 };
    const apply = () => actOnIncident(redis, keys, id, action, by, click === 'none' ? undefined : clicked);
    const result = await apply();
    if (click === 'late') expect(result).toBe(model.state === undefined ? 'unknown' : 'closed');
    else expect(result).toBe(model.act(action, by));
    if (click === 'twice') expect(await apply()).toBe(model.state === undefined ? 'unknown' : 'unchanged');
  }

  async function compare(): Promise<void> {
    const [stored, ...others] = await incident();
    expect(others).toEqual([]);
    if (model.state === undefined) return expect(stored).toBeUndefined();
    expect(stored).toMatchObject({
      state: model.state,
      rows: model.rows,
      wakes: model.wakes.length,
      flaps: model.flaps,
      opening: model.openings,
      messageOf: model.message ?? null,
      ...((model.state === 'acknowledged' || model.state === 'snoozed') && { by: model.by }),
    });
    expect(await redis.exists(keys.dedup(`${PAIR.probe}:${PAIR.category}`))).toBe(model.hasWindow ? 1 : 0);
    const { incidents, notices } = await readAccount(redis, keys);
    const closed = Object.values(incidents.closed).reduce((sum, n) => sum + n, 0);
    expect([incidents.opened, incidents.open + closed]).toEqual([model.openings, model.openings]);
    expect(notices.dead).toBe(0);
  }

  for (const wake of model.wakes) {
    expect((await readWakeRecord(redis, keys, wake.id))?.outcome).toBe(wake.outcome ?? null);
    if (wake.outcome || model.fateOf(wake) !== undefined) continue;
    expect((await readReadiness(redis, keys, { id: wake.id, severity: 'warning' })).notBefore).toBeGreaterThan(
      Date.now(),
    );
  }
  const { rows } = await readQueuedRows(redis, keys);
  const openings = (seam: string) => rows.filter((row) => row.seam === seam).map(({ details }) => details.opening);
  const all = Array.from({ length: model.openings }, (_, i) => i + 1);
  expect(openings('incident.opened')).toEqual(all);
  expect(openings('incident.closed')).toEqual(model.state === 'closed' ? all : all.slice(0, -1));
}

test('an incident develops as the model does, whatever happens', async ({ ns }) => {
  const runs = lastRun(async (given: Step[]) => {
    await removeKeys(ns);
    await run(ns, given);
  });
  await assertBounded(fc.asyncProperty(steps, runs.run), 'incidents', 20_000);
  await runs.ended();
});
