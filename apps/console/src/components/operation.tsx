import type { Operation } from '../api/types.ts';
import { brief } from '../format.ts';
import { operationLabel } from '../labels.ts';
import { Ago } from './values.tsx';

/** Who changed what, when and why. */
export const OperationText = ({ operation }: { operation: Operation }) => (
  <>
    {brief(operation.by, 40)} {operationLabel(operation)}, <Ago at={operation.at} />
    {operation.reason !== null && `: ${brief(operation.reason)}`}
  </>
);
