import type { ResourceState } from '../../api/resource.ts';
import type { Operations as OperationsAnswer } from '../../api/types.ts';
import { Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';
import { Ago } from '../../components/values.tsx';
import { brief } from '../../format.ts';
import { operationLabel } from '../../labels.ts';

/** The latest changes by operators. */
export function Operations({ state }: { state: ResourceState<OperationsAnswer> }) {
  const [shown, more] = useShowMore(state.data?.entries ?? [], 3, 'changes');
  if (shown.length === 0) return null;
  return (
    <Panel id="operations" title="Recent changes" state={state}>
      <ul class="operations">
        {shown.map((operation) => (
          <li key={`${operation.at} ${operation.what}`} title={JSON.stringify(operation.details)}>
            {brief(operation.by, 40)} {operationLabel(operation)}, <Ago at={operation.at} />
            {operation.reason !== null && `: ${brief(operation.reason)}`}
          </li>
        ))}
      </ul>
      {more}
    </Panel>
  );
}
