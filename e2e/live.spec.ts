// What happens is seen on every open page without a reload: tests, deletions, a dashboard that was away.

import type { Page } from '@playwright/test';
import { Dashboard } from './servers/dashboard';
import { Postgres } from './servers/postgres';
import { expect, hydrated, test } from './test';

test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false, 'without JavaScript nothing follows');

/** Marks the document; the mark is gone after a page load. */
const mark = (page: Page) => page.evaluate(() => document.body.setAttribute('data-same-page', ''));
const expectSamePage = (page: Page) => expect(page.locator('body[data-same-page]')).toBeAttached();
const row = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });

/** Opens another tab of the same browser. */
async function tab(page: Page, path: string): Promise<Page> {
  const other = await page.context().newPage();
  await other.goto(path);
  await hydrated(other);
  return other;
}

/** Waits until the page says that it follows. */
const live = (page: Page) => expect(page.getByText('Live', { exact: true })).toBeVisible();

test('a database that stops is seen in every tab, over one stream', async ({ page, open, dashboard }) => {
  const streams: string[] = [];
  page.context().on('request', (request) => {
    if (new URL(request.url()).pathname === '/api/events') {
      streams.push(request.url());
    }
  });
  const postgres = await Postgres.start(18);
  const { host, port, database: database_name, user: username, password } = postgres;
  const id = await dashboard.add({ name: 'orders eu', host, port, database_name, username, password });
  await open('/');
  const detail = await tab(page, `/connections/${id}`);
  const changes = await tab(page, `/connections/${id}/changes`);
  for (const each of [page, detail, changes]) {
    await live(each);
    await mark(each);
  }
  await expect(page).toHaveTitle('Overview · pg-dashboard');
  expect(streams).toHaveLength(1);

  // Nothing that is typed, chosen or focused is lost meanwhile.
  const search = page.getByRole('searchbox');
  await search.fill('orders');
  await search.focus();
  await postgres.stop();
  await dashboard.test(id);

  await expect(row(page, 'orders eu')).toContainText('Connection refused');
  await expect(row(page, 'orders eu').getByRole('img', { name: /1 failed/ })).toBeVisible();
  await expect(page).toHaveTitle('(1 down) Overview · pg-dashboard');
  await expect(page.getByRole('link', { name: /^Down 1/ }).first()).toBeVisible();
  await expect(search).toHaveValue('orders');
  await expect(search).toBeFocused();
  await expect(detail.getByRole('region', { name: 'Last test' })).toContainText('refused');
  await expect(detail).toHaveTitle('(down) orders eu · pg-dashboard');
  await expect(changes).toHaveTitle('(down) orders eu: Changes · pg-dashboard');
  for (const each of [page, detail, changes]) {
    await expectSamePage(each);
  }
  expect(streams).toHaveLength(1);
});

test('when the tab that reads the stream goes, the next one reads on', async ({ page, open, dashboard, refused }) => {
  const id = await dashboard.add({ ...refused, test: false });
  await open('/');
  await live(page);
  const other = await tab(page, '/');
  await live(other);
  await expect(row(other, refused.name)).toContainText(refused.host);
  await page.close();
  await dashboard.test(id);
  await expect(row(other, refused.name)).toContainText('Connection refused');
});

test('what others add, rename and delete is followed', async ({ page, open, dashboard, refused }) => {
  await open('/');
  await live(page);
  await mark(page);
  await expect(page.getByRole('row')).toHaveCount(0);
  const id = await dashboard.add(refused);
  await expect(row(page, refused.name)).toContainText('Connection refused');
  const detail = await tab(page, `/connections/${id}`);
  await live(detail);
  await dashboard.rename(id, 'orders us');
  await expect(row(page, 'orders us')).toBeVisible();
  await expect(detail.getByRole('heading', { level: 1 })).toHaveText('orders us');
  await dashboard.clear();
  await expect(detail.getByRole('alert')).toContainText('This connection was deleted');
  await expect(page.getByRole('row')).toHaveCount(0);
  await expectSamePage(page);
});

test('a dashboard that was away is said to be, and what was missed is caught up', async ({ browser, refused, colorScheme }) => {
  const own = await Dashboard.start();
  try {
    const id = await own.add({ ...refused, test: false });
    const page = await browser.newPage({ baseURL: own.url, colorScheme });
    await page.goto('/');
    await hydrated(page);
    await live(page);
    await mark(page);
    await own.restart(async () => {
      await expect(page.getByText('Reconnecting…')).toBeVisible();
    });
    // While the page waits for its next try.
    await own.test(id);
    await live(page);
    await expect(row(page, refused.name)).toContainText('Connection refused');
    await expectSamePage(page);
    await page.close();
  } finally {
    await own.stop();
  }
});
