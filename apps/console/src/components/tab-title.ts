/** Shows in the tab of the browser that something needs attention, on every page of the console. */
import { useEffect } from 'preact/hooks';
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import { useNow } from '../clock.ts';
import { problemsOf } from '../problems.ts';

const ICONS = {
  plain: new URL('../icon.svg', import.meta.url).href,
  problem: new URL('../icon-problem.svg', import.meta.url).href,
};

/** Number of problems that the last answers of the API show. */
function useProblemCount(): number {
  const state = {
    queues: useResource(api.queues),
    account: useResource(api.account),
    tailer: useResource(api.tailer),
    costs: useResource(api.costs),
    failed: useResource(api.deadLetters),
    status: useResource(api.status),
    hold: useResource(api.hold),
  };
  return problemsOf(state, useNow()).length;
}

/** @param title of the page */
export function useTabTitle(title: string): void {
  const problems = useProblemCount();
  useEffect(() => {
    document.title = `${problems > 0 ? `(${problems}) ` : ''}${title} · Kora Wake`;
  }, [problems, title]);
  useEffect(() => {
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (icon) icon.href = problems > 0 ? ICONS.problem : ICONS.plain;
  }, [problems > 0]);
}
