// What every browser test has: an empty dashboard, a PostgreSQL to watch, and a page whose complaints fail the test.

import AxeBuilder from '@axe-core/playwright';
import { type Browser, expect, type Page, test as base } from '@playwright/test';
import { Dashboard, type NewConnection } from './servers/dashboard';
import { Postgres } from './servers/postgres';
import { freePort } from './servers/program';

type ForWorker = {
  dashboard: Dashboard;
  postgres: Postgres;
};

type ForTest = {
  /** Goes to a path and waits until the page responds. */
  open: (path: string) => Promise<void>;
  /** A connection to the PostgreSQL that works. */
  working: NewConnection & { name: string; password: string };
  /** A connection to a port that nobody listens on. */
  refused: NewConnection & { name: string; password: string };
  watchfulPage: void;
};

export const test = base.extend<ForTest, ForWorker>({
  dashboard: [
    async ({ browser }, use, { project }) => {
      const dashboard = await Dashboard.start();
      if (project.use.javaScriptEnabled !== false) {
        await openFirst(browser, dashboard.url);
      }
      await use(dashboard);
      await dashboard.stop();
    },
    { scope: 'worker', timeout: 240_000 },
  ],

  postgres: [
    async ({}, use) => {
      const postgres = await Postgres.start(18);
      await use(postgres);
      await postgres.stop();
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  baseURL: async ({ dashboard }, use) => use(dashboard.url),

  open: async ({ page, javaScriptEnabled }, use) => {
    await use(async (path) => {
      await page.goto(path);
      if (javaScriptEnabled !== false) {
        await hydrated(page);
      }
    });
  },

  working: async ({ postgres }, use) => {
    await use({
      name: 'orders eu',
      host: postgres.host,
      port: postgres.port,
      database_name: postgres.database,
      username: postgres.user,
      password: postgres.password,
    });
  },

  refused: async ({ working }, use) => {
    await use({ ...working, name: 'nobody there', port: await freePort() });
  },

  // A console error, an uncaught one, a failed request or a request to any other host fails the test.
  watchfulPage: [
    async ({ page, dashboard, javaScriptEnabled }, use) => {
      await dashboard.clear();
      const complaints: string[] = [];
      const expected = new Set<number>();
      page.on('console', (message) => {
        if (message.type() !== 'error' && message.type() !== 'warning') {
          return;
        }
        // Without JavaScript nothing comes for what the page loads ahead.
        if (javaScriptEnabled === false && message.text().includes('was preloaded using link preload')) {
          return;
        }
        const status = /Failed to load resource: the server responded with a status of (\d+)/.exec(message.text());
        if (!(status && expected.has(Number(status[1])))) {
          complaints.push(`console ${message.type()}: ${message.text()} (${message.location().url})`);
        }
      });
      page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`));
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.origin !== dashboard.url && url.protocol !== 'data:' && url.protocol !== 'blob:') {
          complaints.push(`request to another host: ${request.url()}`);
        }
      });
      expectedStatuses.set(page, expected);
      await use();
      expect(complaints, 'complaints of the browser').toEqual([]);
    },
    { auto: true },
  ],
});

const expectedStatuses = new WeakMap<Page, Set<number>>();

/** Answers that this test asks for on purpose, and that the browser notes in its console: a refused form's 422. */
export function expectStatus(page: Page, ...statuses: number[]): void {
  statuses.forEach((status) => expectedStatuses.get(page)?.add(status));
}

/** Resolves when the page responds (`<html data-hydrated>` is set by an effect, which only runs in the browser). */
export async function hydrated(page: Page): Promise<void> {
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
}

/**
 * The first page of a worker is the slowest by far: the browser and the database have just started, and 13 MB of
 * WebAssembly that nothing made small are read and compiled for the first time. On a busy machine that alone takes most
 * of a test's minute, so it has a limit of its own.
 */
async function openFirst(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  await page.goto(url);
  await hydrated(page);
  await page.close();
}

/** Nothing that axe knows may be wrong with the page as it stands. */
export async function expectAccessible(page: Page): Promise<void> {
  const scripted = await page.evaluate(() => document.documentElement.hasAttribute('data-hydrated'));
  const { violations } = scripted ? await new AxeBuilder({ page }).analyze() : await analyzeMarkup(page);
  const told = violations.map(({ id, help, nodes }) => ({
    rule: `${id}: ${help}`,
    where: nodes.map((node) => `${node.target.join(' ')}  ${node.failureSummary?.replaceAll('\n', ' ')}`),
  }));
  expect(told, `axe on ${page.url()}`).toEqual([]);
}

/** axe is JavaScript. Where the page runs none, it looks at the same markup in a page that runs only axe. */
async function analyzeMarkup(page: Page) {
  const browser = page.context().browser();
  if (!browser) {
    throw new Error('the page has no browser');
  }
  const markup = (await page.content()).replace(/<script\b[^>]*>.*?<\/script>/gis, '');
  const dark = await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches);
  const context = await browser.newContext({
    javaScriptEnabled: true,
    viewport: page.viewportSize(),
    colorScheme: dark ? 'dark' : 'light',
  });
  const copy = await context.newPage();
  await copy.route('**/*', (route) =>
    route.request().isNavigationRequest()
      ? route.fulfill({ contentType: 'text/html; charset=utf-8', body: markup })
      : route.continue(),
  );
  await copy.goto(page.url());
  const results = await new AxeBuilder({ page: copy }).analyze();
  await context.close();
  return results;
}

export { expect };
