import type { BacktestPolicy } from '../../api/types.ts';

/** The heads of a table's columns, one for each policy. */
export const PolicyHeads = ({ policies }: { policies: BacktestPolicy[] }) => (
  <>
    {policies.map(({ name }) => (
      <th scope="col" key={name}>
        {name}
      </th>
    ))}
  </>
);
