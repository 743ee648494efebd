/** The figures of each policy, side by side. */
import type { BacktestPolicy } from '../../api/types.ts';
import { count, usd } from '../../format.ts';
import { PolicyHeads } from './policy-heads.tsx';

const FIGURES: Array<{ label: string; of: (policy: BacktestPolicy) => number; isRare?: true }> = [
  { label: 'Alerts', of: ({ rows }) => rows },
  { label: 'Messages', of: ({ messages }) => messages },
  { label: 'At night (22 to 7)', of: ({ night }) => night },
  { label: 'Suppressed', of: ({ decisions }) => decisions.coalesced },
  { label: 'Counted, too few', of: ({ decisions }) => decisions.buffered },
  { label: 'Muted', of: ({ decisions }) => decisions.muted },
  { label: 'Storms', of: ({ storms }) => storms, isRare: true },
  { label: 'Alerts in their digests', of: ({ inDigests }) => inDigests, isRare: true },
  { label: 'Over before sent', of: ({ withdrawn }) => withdrawn, isRare: true },
  { label: 'Malformed', of: ({ decisions }) => decisions.rejected, isRare: true },
];

export function Comparison({ policies }: { policies: BacktestPolicy[] }) {
  const shown = FIGURES.filter(({ of, isRare }) => !isRare || policies.some((policy) => of(policy) > 0));
  return (
    <table class="numbers">
      <thead>
        <tr>
          <th scope="col">Policy</th>
          <PolicyHeads policies={policies} />
        </tr>
      </thead>
      <tbody>
        {shown.map(({ label, of }) => (
          <tr key={label}>
            <th scope="row">{label}</th>
            {policies.map((policy) => (
              <td key={policy.name}>{count(of(policy))}</td>
            ))}
          </tr>
        ))}
        <tr>
          <th scope="row">AI cost, about</th>
          {policies.map(({ name, usd: cost }) => (
            <td key={name}>{usd(cost)}</td>
          ))}
        </tr>
      </tbody>
    </table>
  );
}
