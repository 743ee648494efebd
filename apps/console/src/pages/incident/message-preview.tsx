import type { IncidentDetail } from '../../api/types.ts';
import { Empty, Panel } from '../../components/panel.tsx';
import { SlackFrame } from '../../components/slack-frame.tsx';

/** The newest message as Slack shows it now. */
export function MessagePreview({ incident: { preview, message } }: { incident: IncidentDetail }) {
  const hint = message && (
    <a href={message.permalink} rel="noreferrer">
      open in Slack
    </a>
  );
  return (
    <Panel id="message" title="Slack message" hint={hint ?? undefined}>
      {preview === null ? (
        <Empty>No message was sent yet.</Empty>
      ) : (
        <SlackFrame>
          {preview.map((part, i) => (
            // The parts have no names, and their order is fixed.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <Part key={i} {...part} />
          ))}
        </SlackFrame>
      )}
    </Panel>
  );
}

type PartProps = NonNullable<IncidentDetail['preview']>[number];

function Part({ kind, text, labels = [] }: PartProps) {
  if (kind === 'header') return <p class="slack-header">{text}</p>;
  if (kind === 'context') return <p class="slack-context">{text}</p>;
  if (kind === 'quote') return <blockquote>{text}</blockquote>;
  if (kind === 'code') return <pre>{text}</pre>;
  if (kind === 'text') return <p class="text">{text}</p>;
  return (
    <p class="slack-buttons">
      {labels.map((label) => (
        <span key={label}>{label}</span>
      ))}
    </p>
  );
}
