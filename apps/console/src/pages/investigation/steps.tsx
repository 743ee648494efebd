import { markInvisible } from '@kora-wake/shared/wake/text';
import type { ComponentChildren } from 'preact';
import type { InvestigationDetail } from '../../api/types.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { Duration } from '../../components/values.tsx';
import { counted } from '../../format.ts';
import { codeLabel, routeLabel, TOOL_STATUS_LABELS } from '../../labels.ts';
import type { ShownQuote } from './shown-quote.ts';
import { StepList } from './step-list.tsx';

/** Calls of the AI and of the tools, with their inputs, outputs and durations. */
export function Steps({ entry, shown }: { entry: InvestigationDetail; shown: ShownQuote | undefined }) {
  const { tools, calls, steps, wakeId } = entry;
  const replayable = replayableSteps(entry);
  return (
    <Panel
      id="steps"
      title="Steps"
      hint={`${counted(tools.length, 'tool call')}, ${counted(calls.length, 'AI call')}`}
      tools={<CopyButton label="Copy as JSON" text={() => JSON.stringify(entry, null, 2)} />}
    >
      {steps ? (
        <>
          <StepList
            steps={steps}
            shown={shown}
            replayFrom={(number) =>
              number <= replayable + 1 ? `${replayCommand(wakeId)} --from ${number}` : undefined
            }
          />
          {replayable === steps.length && (
            <p class="replay">
              Replay, without asking the AI: <code>{replayCommand(wakeId)}</code>{' '}
              <CopyButton label="Copy command" text={() => replayCommand(wakeId)} />
            </p>
          )}
        </>
      ) : (
        <Durations entry={entry} />
      )}
    </Panel>
  );
}

/** Number of steps that `replay` can run again: those before the first gap. -1: not even the first, because it is about a storm. */
function replayableSteps({ steps, stormId }: InvestigationDetail): number {
  if (!steps || stormId !== null) return -1;
  const gap = steps.findIndex(({ kind }) => kind === 'omitted');
  return gap === -1 ? steps.length : gap;
}

/** Anybody who can write to Redis can choose an id of a wake. In quotes and without invisible characters it harms no terminal. */
function replayCommand(wakeId: string): string {
  const word = /^[\w.-]+$/.test(wakeId) ? wakeId : `'${markInvisible(wakeId).replaceAll("'", String.raw`'\''`)}'`;
  return `npm run replay -- --wake ${word}`;
}

/** Tool calls and AI calls without their texts, with their durations as bars on one scale. */
function Durations({ entry }: { entry: InvestigationDetail }) {
  const { tools, calls } = entry;
  const longest = Math.max(1, ...tools.map((tool) => tool.durationMs), ...calls.map((call) => call.durationMs));
  if (tools.length === 0 && calls.length === 0) {
    return <Empty>No steps: the alert was not investigated{entry.outcome === null ? ' yet' : ''}.</Empty>;
  }
  return (
    <>
      <table class="steps">
        <thead class="visually-hidden">
          <tr>
            <th>Step</th>
            <th>Result</th>
            <th>Duration</th>
          </tr>
        </thead>
        <tbody>
          {tools.map(({ source, name, status, durationMs, excType }) => (
            <Bar key={source} kind="tool" note={source} {...{ name, durationMs, longest }}>
              {status !== 'ok' && (
                <span class="wrong" title={excType ?? ''}>
                  {TOOL_STATUS_LABELS[status]}
                  {excType && `, ${excType}`}
                </span>
              )}
            </Bar>
          ))}
          {calls.map(({ route, model, durationMs, error, reason }, i) => (
            <Bar
              key={i}
              kind="ai-call"
              name={model}
              note={routeLabel(route).toLowerCase()}
              {...{ durationMs, longest }}
            >
              {error && (
                <span class="wrong" title={error}>
                  {codeLabel(error)}
                  {reason && `, ${reason}`}
                </span>
              )}
            </Bar>
          ))}
        </tbody>
      </table>
      <p class="fine">
        Inputs and outputs are not kept (<code>KORA_KEEP_STEPS</code>), or were dropped after 35 days or when 64 MiB
        were full.
      </p>
    </>
  );
}

interface BarProps {
  kind: 'tool' | 'ai-call';
  name: string;
  note: string;
  durationMs: number;
  longest: number;
  children: ComponentChildren;
}

const Bar = ({ kind, name, note, durationMs, longest, children }: BarProps) => (
  <tr class={kind}>
    <th scope="row" title={`${name}, ${note}`}>
      {name} <span class="note">{note}</span>
    </th>
    <td class="result">{children || <span class="visually-hidden">ok</span>}</td>
    <td class="took">
      <span class="bar" aria-hidden="true">
        <i style={{ width: `${Math.max(0.5, (durationMs / longest) * 100)}%` }} />
      </span>
      <Duration ms={durationMs} />
    </td>
  </tr>
);
