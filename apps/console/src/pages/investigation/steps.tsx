import type { ComponentChildren } from 'preact';
import type { InvestigationDetail } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { Duration } from '../../components/values.tsx';
import { counted } from '../../format.ts';
import { codeLabel, routeLabel, TOOL_STATUS_LABELS } from '../../labels.ts';

/** Tool calls and AI calls, with their durations as bars on one scale. */
export function Steps({ entry }: { entry: InvestigationDetail }) {
  const { tools, calls } = entry;
  const longest = Math.max(1, ...tools.map((tool) => tool.durationMs), ...calls.map((call) => call.durationMs));
  return (
    <Panel id="steps" title="Steps" hint={`${counted(tools.length, 'tool call')}, ${counted(calls.length, 'AI call')}`}>
      {tools.length === 0 && calls.length === 0 ? (
        <Empty>No steps: the alert was not investigated{entry.outcome === null ? ' yet' : ''}.</Empty>
      ) : (
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
      )}
    </Panel>
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
