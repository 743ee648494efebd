/** The figures of each policy, side by side. */
import { COST_LABEL, figuresOf } from '@kora-wake/shared/policy/backtest-figures';
import type { BacktestPolicy } from '../../api/types.ts';
import { count, usd } from '../../format.ts';
import { PolicyHeads } from './policy-heads.tsx';

export function Comparison({ policies }: { policies: BacktestPolicy[] }) {
  return (
    <table class="numbers">
      <thead>
        <tr>
          <th scope="col">Policy</th>
          <PolicyHeads policies={policies} />
        </tr>
      </thead>
      <tbody>
        {figuresOf(policies).map(({ label, counts }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            {counts.map((n, i) => (
              <td key={policies[i]?.name}>{count(n)}</td>
            ))}
          </tr>
        ))}
        <tr>
          <th scope="row">{COST_LABEL}</th>
          {policies.map(({ name, usd: cost }) => (
            <td key={name}>{usd(cost)}</td>
          ))}
        </tr>
      </tbody>
    </table>
  );
}
