// The health page: what is wrong is found for real, told with its reason and the SQL that mends it, and gone when it is mended.

import { expect, expectStatus, test } from './test';

const SEQUENCE = 'nearly_over';

test('findings come first, each with why, what it stands on, its SQL and its points', async ({ page, open, dashboard, postgres, working }) => {
  await postgres.run(
    working.database_name,
    `DROP SEQUENCE IF EXISTS ${SEQUENCE}`,
    `CREATE SEQUENCE ${SEQUENCE} AS smallint START 32700`,
    `SELECT nextval('${SEQUENCE}')`,
    `GRANT SELECT ON SEQUENCE ${SEQUENCE} TO ${working.username}`,
  );
  const id = await dashboard.add(working);
  await open(`/connections/${id}`);
  await page.getByRole('navigation', { name: working.name }).getByRole('link', { name: /^Health/ }).click();
  await expect(page).toHaveURL(new RegExp(`/connections/${id}/health$`));
  await expect(page.getByRole('link', { name: /^Health/ })).toHaveAttribute('aria-current', 'page');
  await page.getByRole('button', { name: 'Check now' }).click();

  const findings = page.getByRole('region', { name: 'Findings' });
  const finding = findings.getByRole('listitem').filter({ hasText: SEQUENCE }).first();
  await expect(finding).toContainText(/−\d+ points?/);
  await expect(finding.getByRole('link', { name: /manual/ })).toHaveAttribute('href', /postgresql\.org\/docs/);
  const score = page.getByRole('region', { name: 'Health', exact: true });
  await expect(score).toContainText('How it came about');
  await score.getByRole('link', { name: /^−\d+ / }).first().click();
  await expect(page).toHaveURL(/#check-/);

  await postgres.run(working.database_name, `DROP SEQUENCE ${SEQUENCE}`);
});

test('a healthy server says that nothing needs anybody, and shows every number', async ({ page, open, dashboard, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}/health`);
  await page.getByRole('button', { name: 'Check now' }).click();
  await expect(page.getByRole('region', { name: 'Fine' })).toContainText('Connections used');
  const numbers = page.getByRole('table', { name: 'The numbers of this reading' });
  await expect(numbers.getByRole('row', { name: /^Transactions/ })).toContainText('/s');
  await expect(numbers.getByRole('row', { name: /^Database size/ })).toContainText('MB');
});

test('what cannot be read says what would mend it', async ({ page, open, dashboard, postgres, working }) => {
  const id = await dashboard.add({ ...working, database_name: postgres.bareDatabase });
  await open(`/connections/${id}/health`);
  const notRead = page.getByRole('region', { name: 'Not read' });
  await expect(notRead).toContainText('CREATE EXTENSION');
  await expect(notRead).toContainText(/Run this|mends it/);
});

test('a database that is down says so in place of a score', async ({ page, open, dashboard, refused }) => {
  const id = await dashboard.add(refused);
  await open(`/connections/${id}/health`);
  await expect(page.getByRole('region', { name: 'Health', exact: true })).toContainText('the database is down');
  await expect(page.getByRole('region', { name: 'Findings' })).toHaveCount(0);
});

test('a connection that does not exist has no pages', async ({ page, open }) => {
  expectStatus(page, 404);
  for (const tab of ['health', 'queries', 'load', 'changes']) {
    await open(`/connections/999999/${tab}`);
    await expect(page.getByText('There is no such connection')).toBeVisible();
  }
});
