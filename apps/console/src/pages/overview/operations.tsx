import type { ResourceState } from '../../api/resource.ts';
import type { Operations as OperationsAnswer } from '../../api/types.ts';
import { OperationText } from '../../components/operation.tsx';
import { Panel } from '../../components/panel.tsx';
import { useShowMore } from '../../components/show-more.tsx';

/** The latest changes by operators. */
export function Operations({ state }: { state: ResourceState<OperationsAnswer> }) {
  const [shown, more] = useShowMore(state.data?.entries ?? [], 3, 'changes');
  if (shown.length === 0) return null;
  return (
    <Panel id="operations" title="Recent changes" state={state}>
      <ul class="operations">
        {shown.map((operation) => (
          <li key={`${operation.at} ${operation.what}`} title={JSON.stringify(operation.details)}>
            <OperationText operation={operation} />
          </li>
        ))}
      </ul>
      {more}
    </Panel>
  );
}
