// The expensive statements of all connections: in any order, over any range, of all or of one.

import type { Page } from '@playwright/test';
import type { Dashboard } from './servers/dashboard';
import { expect, expectStatus, test } from './test';

const WORK = "SELECT count(*) FROM invoice WHERE note = 'nobody'";
const SHOWN = 'FROM invoice WHERE note = $1';

const table = (page: Page) => page.getByRole('table', { name: 'The most expensive statements of all connections' });

/** Statements are counted from one reading of the health to the next. */
async function read(dashboard: Dashboard, ...ids: number[]): Promise<void> {
  for (const id of ids) {
    await fetch(`${dashboard.url}/api/health/${id}?fresh=true`);
  }
}

test('statements of all connections stand in one list, and each choice has an address', async ({ page, open, dashboard, postgres, working, javaScriptEnabled }) => {
  const ids = [await dashboard.add(working), await dashboard.add({ ...working, name: 'orders too' })];
  await read(dashboard, ...ids);
  await postgres.run(working.database_name, WORK);
  await read(dashboard, ...ids);
  await open('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Queries' }).click();
  await expect(page.getByRole('heading', { name: 'Queries', exact: true })).toBeVisible();
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Queries' })).toHaveAttribute('aria-current', 'page');
  const rows = table(page).getByRole('row').filter({ hasText: SHOWN });
  await expect(rows.filter({ has: page.getByRole('link', { name: 'orders too', exact: true }) })).not.toHaveCount(0);
  await expect(rows.filter({ has: page.getByRole('link', { name: working.name, exact: true }) })).not.toHaveCount(0);

  await table(page).getByRole('link', { name: /^Calls/ }).click();
  await expect(page).toHaveURL(/order_by=calls/);
  await expect(table(page).getByRole('columnheader', { name: /^Calls/ })).toHaveAttribute('aria-sort', 'descending');
  await page.getByRole('group', { name: 'Range' }).getByRole('link', { name: '90 d' }).click();
  await expect(page).toHaveURL(/range=90d/);
  await expect(page).toHaveURL(/order_by=calls/);
  await expect(page.getByText('the last 90 days')).toBeVisible();

  await page.getByRole('combobox', { name: 'Connection' }).selectOption('orders too');
  if (javaScriptEnabled === false) {
    await page.locator('form').filter({ has: page.getByRole('combobox', { name: 'Connection' }) }).getByRole('button', { name: 'Show' }).click();
  }
  await expect(page).toHaveURL(new RegExp(`connection_id=${ids[1]}`));
  await expect(page).toHaveURL(/range=90d/);
  await expect(rows.filter({ has: page.getByRole('link', { name: working.name, exact: true }) })).toHaveCount(0);
  await table(page).getByRole('link', { name: 'orders too', exact: true }).first().click();
  await expect(page).toHaveURL(new RegExp(`/connections/${ids[1]}/queries$`));
});

test('any range can be asked for, and one that is backwards is refused by name', async ({ page, open, dashboard, postgres, working }) => {
  expectStatus(page, 422);
  const id = await dashboard.add(working);
  await read(dashboard, id);
  await postgres.run(working.database_name, WORK);
  await read(dashboard, id);
  await open('/queries');
  const custom = page.locator('details').filter({ has: page.getByLabel('From') });
  await custom.locator('summary').click();
  await custom.getByLabel('From').fill('2020-05-04T14:00');
  await custom.getByLabel('To').fill('2030-05-04T14:00');
  await custom.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/from=2020-05-04T14(:|%3A)00/);
  await expect(table(page)).toContainText(SHOWN);

  await open('/queries?from=2020-05-04T14:00&to=2020-05-04T13:00');
  await expect(page.getByRole('alert').first()).toContainText('from: Must be before `to`.');
  await open('/queries?from=yesterday');
  await expect(page.getByText('That is no time')).toBeVisible();
  await page.getByRole('link', { name: 'To the last 24 hours of all' }).click();
  await expect(table(page)).toContainText(SHOWN);
});

test('databases whose statements are not counted stand with the reason and what mends it', async ({ page, open, dashboard, postgres, working, refused }) => {
  const bare = { ...working, database_name: postgres.bareDatabase };
  const ids = [await dashboard.add({ ...bare, name: 'bare one' }), await dashboard.add({ ...bare, name: 'bare two' }), await dashboard.add(refused)];
  await read(dashboard, ...ids);
  await open('/queries');
  await expect(page.getByText('No statements are counted yet')).toBeVisible();
  const missing = page.getByRole('region', { name: 'Not counted' });
  const installed = missing.getByRole('listitem').filter({ hasText: 'CREATE EXTENSION' });
  await expect(installed).toHaveCount(1);
  await expect(installed.getByRole('link', { name: 'bare one' })).toBeVisible();
  await expect(installed.getByRole('link', { name: 'bare two' })).toBeVisible();
  await expect(missing.getByRole('listitem').filter({ hasText: 'Connection refused' }).first()).toContainText(refused.name);
});

test('without connections the page says the next step', async ({ page, open }) => {
  await open('/queries');
  await expect(page.getByText('No connections yet')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Add connection' }).click();
  await expect(page).toHaveURL(/\/connections\/new$/);
});
