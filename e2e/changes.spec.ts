// What changed on a database is noticed from one reading to the next, and kept.

import { expect, test } from './test';

test('a changed setting stands in the timeline and on the overview', async ({ page, open, dashboard, postgres, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}/changes`);
  await expect(page.getByText('No change noticed yet')).toBeVisible();

  await postgres.run('postgres', "ALTER SYSTEM SET work_mem = '9MB'", 'SELECT pg_reload_conf()');
  try {
    const change = page.getByRole('listitem').filter({ hasText: 'work_mem' });
    // The server reads its settings again a moment after it was told to.
    await expect(async () => {
      await page.getByRole('button', { name: 'Check now' }).click();
      await expect(change).toBeVisible({ timeout: 4000 });
    }).toPass();
    await expect(change).toContainText('Setting work_mem');
    await expect(change).toContainText('9');

    await page.getByRole('navigation', { name: working.name }).getByRole('link', { name: 'Overview' }).click();
    const panel = page.getByRole('region', { name: 'Changes' });
    await expect(panel).toContainText('work_mem');
    await panel.getByRole('link', { name: 'All changes' }).click();
    await expect(page).toHaveURL(/\/changes$/);
    await expect(change).toBeVisible();
  } finally {
    await postgres.run('postgres', 'ALTER SYSTEM RESET work_mem', 'SELECT pg_reload_conf()');
  }
});
