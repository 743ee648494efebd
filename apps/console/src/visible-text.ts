/**
 * Marks invisible characters in every text of the page. A name of a probe may contain characters that hide or reverse other
 * text. It must look different from another name, but requests need it unchanged.
 */
import { markInvisible } from '@kora-wake/shared/wake/text';
import { options, type VNode } from 'preact';

/** Attributes that a person reads. */
const READ_BY_PEOPLE = new Set(['title', 'aria-label']);

/** Must run before the first component is drawn. */
export function markInvisibleText(): void {
  options.vnode = (node: VNode) => {
    // The properties of a text are the text itself.
    const properties: unknown = node.props;
    if (typeof properties === 'string') Object.assign(node, { props: markInvisible(properties) });
    else if (typeof node.type === 'string') markAttributes(node.props);
  };
}

function markAttributes(properties: object): void {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'string' && READ_BY_PEOPLE.has(name)) {
      Object.assign(properties, { [name]: markInvisible(value) });
    }
  }
}
