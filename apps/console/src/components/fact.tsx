import type { ComponentChildren } from 'preact';

/** A name and its value in a `dl`. A long text scrolls. */
export const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    {typeof children === 'string' && children.length > 300 ? (
      <dd class="long" tabIndex={0}>
        {children}
      </dd>
    ) : (
      <dd>{children}</dd>
    )}
  </div>
);
