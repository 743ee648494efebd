/** A real headless browser, and pages that notice what a console must never do. */
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { program } from './programs.ts';

/** The system's browser. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = program('chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface WatchedPage {
  page: Page;
  /** what the console said that it should not: errors, warnings, breaches of the content policy */
  complaints: string[];
  /** requests to another origin */
  foreign: string[];
}

/** A page of its own context, watched from its first byte on. */
export async function watchedPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions,
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const foreign: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
  page.on('request', (request) => {
    const { protocol } = new URL(request.url());
    if (protocol !== 'data:' && new URL(request.url()).origin !== origin) foreign.push(request.url());
  });
  return { page, complaints, foreign };
}

/** What axe finds that keeps somebody out, as lines to read. */
export async function barriers(page: Page): Promise<string[]> {
  // Evaluated, not added as a script, so that the content policy stays on.
  await page.evaluate(axe.source);
  const found: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] =
    await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)`);
  return found
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join('\n')}`,
    );
}
