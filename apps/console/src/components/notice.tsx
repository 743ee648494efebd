/** The result of an action. It takes the focus, because the button that was pressed may be gone. */
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface NoticeContent {
  tone: 'good' | 'bad';
  text: string;
}

export function Notice({ notice, dismiss }: { notice: NoticeContent | undefined; dismiss: () => void }) {
  const box = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    if (notice) box.current?.focus({ preventScroll: true });
  }, [notice]);
  return (
    <div role="status" class="notice">
      {notice && (
        <p ref={box} tabIndex={-1} class={notice.tone}>
          <span>{notice.text}</span>
          <button type="button" class="quiet" aria-label="Close this message" onClick={dismiss}>
            ✕
          </button>
        </p>
      )}
    </div>
  );
}
