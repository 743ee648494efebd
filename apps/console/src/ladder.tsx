/** The budget as the ladder it is: four rungs, and how far up the month has climbed. */
import type { BudgetTier, Costs } from './contract.ts';
import { usd } from './format.ts';
import { Money } from './parts.tsx';

const BUDGET_TIERS: { rung: BudgetTier; share: number; label: string; effect: string }[] = [
  { rung: 'hard_stop_100', share: 1, label: '100 %', effect: 'nobody is asked' },
  { rung: 'downshift_90', share: 0.9, label: '90 %', effect: 'a cheaper model' },
  { rung: 'warn_75', share: 0.75, label: '75 %', effect: 'less effort' },
  { rung: 'normal', share: 0, label: 'Normal', effect: 'the model of choice' },
];

/** The height of a rung, px; the rungs stand evenly, since the last three lie too close to be read otherwise. */
const STEP = 26;

/** How high, in rungs from the lowest. */
function height(share: number): number {
  const stops = BUDGET_TIERS.map((rung) => rung.share).reverse();
  for (let i = 1; i < stops.length; i++) {
    const [low, high] = [stops[i - 1] ?? 0, stops[i] ?? 1];
    if (share < high) return i - 1 + (share - low) / (high - low);
  }
  return stops.length - 1;
}

export function Ladder({ costs }: { costs: Costs }) {
  const { budgetUsd, rung: at, spentMonthUsd } = costs;
  if (budgetUsd === 0) return null;
  const climbed = height(Math.max(0, spentMonthUsd / budgetUsd)) * STEP;
  const bottom = BUDGET_TIERS.length * STEP - STEP / 2;
  return (
    <div class="ladder">
      <svg width="34" height={BUDGET_TIERS.length * STEP} aria-hidden="true">
        <path class="rails" d={`M7 4V${bottom + 9}M27 4V${bottom + 9}`} />
        <path class={`climbed ${at}`} d={`M7 ${bottom + 9}V${bottom - climbed}M27 ${bottom + 9}V${bottom - climbed}`} />
        {BUDGET_TIERS.map(({ rung }, i) => (
          <path key={rung} class={rung === at ? `rung here ${rung}` : 'rung'} d={`M7 ${i * STEP + STEP / 2}H27`} />
        ))}
      </svg>
      <ol aria-label="Rungs of the budget, the highest first">
        {BUDGET_TIERS.map(({ rung, share, label, effect }) => (
          <li key={rung} class={rung === at ? `here ${rung}` : ''} {...(rung === at && { 'aria-current': 'step' })}>
            <b>{label}</b>
            <span class="effect">{effect}</span>
            <span class="from">{share > 0 && usd(share * budgetUsd)}</span>
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
      {budgetUsd > 0 ? `of ${usd(budgetUsd)} this month` : 'this month; no limit is set'}{' '}
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
