/** A real headless browser, and pages that record errors, policy violations and requests to other origins. */
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { program } from './programs.ts';

/** Starts the Chromium of the system. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = program('chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface WatchedPage {
  page: Page;
  /** console errors and warnings, uncaught exceptions, violations of the content policy */
  complaints: string[];
  /** requests to another origin */
  foreign: string[];
}

/** A page in its own context, watched from the start. */
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

/** Serious and critical accessibility violations that axe finds, one text each. */
export async function barriers(page: Page): Promise<string[]> {
  // evaluate() instead of a script element, so that the content policy stays active.
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
