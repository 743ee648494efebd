/** The four budget tiers as steps, with the month's spend on the left edge. */
import { TIER_STARTS } from '@kora-wake/shared/wake/budget';
import type { Costs } from '../api/types.ts';
import { usd } from '../format.ts';
import { Money } from './values.tsx';

const BUDGET_TIERS: { rung: Costs['rung']; label: string; effect: string }[] = [
  { rung: 'hard_stop_100', label: '100 %', effect: 'no AI' },
  { rung: 'downshift_90', label: '90 %', effect: 'a cheaper model' },
  { rung: 'warn_75', label: '75 %', effect: 'less effort' },
  { rung: 'normal', label: 'Normal', effect: 'default model' },
];

/** Height of a tier, px. The tiers are evenly spaced: the upper three are too close to each other on a true scale. */
const TIER_PX = 26;

/** The height of a share of the budget, in tiers above the lowest. */
function heightOf(share: number): number {
  const stops = BUDGET_TIERS.map(({ rung }) => TIER_STARTS[rung]).reverse();
  for (let i = 1; i < stops.length; i++) {
    const [low, high] = [stops[i - 1] ?? 0, stops[i] ?? 1];
    if (share < high) return i - 1 + (share - low) / (high - low);
  }
  return stops.length - 1;
}

export function BudgetTiers({ costs }: { costs: Costs }) {
  const { budgetUsd, rung: current, spentMonthUsd } = costs;
  if (budgetUsd === 0) return null;
  const spent = heightOf(Math.max(0, spentMonthUsd / budgetUsd)) * TIER_PX;
  const bottom = BUDGET_TIERS.length * TIER_PX - TIER_PX / 2;
  return (
    <div class="budget-tiers">
      <svg width="34" height={BUDGET_TIERS.length * TIER_PX} aria-hidden="true">
        <path class="rails" d={`M7 4V${bottom + 9}M27 4V${bottom + 9}`} />
        <path
          class={`spent-share ${current}`}
          d={`M7 ${bottom + 9}V${bottom - spent}M27 ${bottom + 9}V${bottom - spent}`}
        />
        {BUDGET_TIERS.map(({ rung }, i) => (
          <path
            key={rung}
            class={rung === current ? `tier here ${rung}` : 'tier'}
            d={`M7 ${i * TIER_PX + TIER_PX / 2}H27`}
          />
        ))}
      </svg>
      <ol aria-label="Budget tiers, the highest first">
        {BUDGET_TIERS.map(({ rung, label, effect }) => (
          <li
            key={rung}
            class={rung === current ? `here ${rung}` : ''}
            {...(rung === current && { 'aria-current': 'step' })}
          >
            <b>{label}</b>
            <span class="effect">{effect}</span>
            <span class="from">{TIER_STARTS[rung] > 0 && usd(TIER_STARTS[rung] * budgetUsd)}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

export function Spent({ costs }: { costs: Costs }) {
  const { budgetUsd, spentMonthUsd, spentTodayUsd, reservedUsd } = costs;
  return (
    <p class="spent">
      <b>
        <Money amount={spentMonthUsd} />
      </b>{' '}
      {budgetUsd > 0 ? `of ${usd(budgetUsd)} this month` : 'this month, no limit is set'}{' '}
      <span>
        <Money amount={spentTodayUsd} /> today
        {reservedUsd > 0 && (
          <>
            , <Money amount={reservedUsd} /> reserved
          </>
        )}
      </span>
    </p>
  );
}
