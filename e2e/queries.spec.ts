// The statements of a database: in any order, over any range, with text and plan.

import { expect, expectStatus, test } from './test';

const WORK = "SELECT count(*) FROM invoice WHERE note = 'never'";

test.beforeEach(async ({ postgres, working }) => {
  await postgres.run(working.database_name, `GRANT SELECT ON invoice TO ${working.username}`, ...Array<string>(5).fill(WORK));
});

test('statements can be ordered by each number, and each order has an address', async ({ page, open, dashboard, postgres, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}/queries`);
  const table = page.getByRole('table', { name: 'The most expensive statements' });
  // Of one reading all that was ever counted is shown; of two, what was counted between them.
  await expect(table).toContainText('FROM invoice WHERE note = $1');
  await postgres.run(working.database_name, WORK);
  await page.getByRole('button', { name: 'Check now' }).click();
  await expect(table.getByRole('columnheader', { name: /^Total/ })).toHaveAttribute('aria-sort', 'descending');
  await expect(table).toContainText('FROM invoice WHERE note = $1');

  await table.getByRole('link', { name: /^Calls/ }).click();
  await expect(page).toHaveURL(/order_by=calls/);
  await expect(table.getByRole('columnheader', { name: /^Calls/ })).toHaveAttribute('aria-sort', 'descending');
  await expect(table.getByRole('columnheader', { name: /^Total/ })).not.toHaveAttribute('aria-sort');

  await page.getByRole('group', { name: 'Range' }).getByRole('link', { name: '7 d' }).click();
  await expect(page).toHaveURL(/order_by=calls&range=7d/);
  await expect(page.getByRole('link', { name: '7 d' })).toHaveAttribute('aria-current', 'true');
});

test('a statement opens to its text, and to its plan where that is allowed', async ({ page, open, dashboard, working }) => {
  const id = await dashboard.add({ ...working, allow_statements: true });
  await open(`/connections/${id}/queries`);
  const row = page.getByRole('row').filter({ hasText: 'FROM invoice WHERE note = $1' });
  await row.locator('summary').click();
  await row.getByRole('button', { name: 'Plan' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'FROM invoice WHERE note = $1' })).toContainText('Seq Scan on');
});

test('plans that are not allowed say how to allow them', async ({ page, open, dashboard, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}/queries`);
  await expect(page.getByRole('region', { name: 'Statements' })).toContainText('Plans are off for this connection');
  await expect(page.getByRole('button', { name: 'Plan' })).toHaveCount(0);
});

test('a database whose statements are not counted says how to get them', async ({ page, open, dashboard, postgres, working }) => {
  expectStatus(page, 422);
  const id = await dashboard.add({ ...working, database_name: postgres.bareDatabase });
  await open(`/connections/${id}/queries`);
  const statements = page.getByRole('region', { name: 'Statements' });
  await expect(statements).toContainText('Statements are not counted here');
  await expect(statements).toContainText('CREATE EXTENSION');
});
