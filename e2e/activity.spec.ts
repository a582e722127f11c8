// Every check of every connection: filtered, as far back as history goes, without growing heavy.

import type { Page } from '@playwright/test';
import { expect, test } from './test';

const list = (page: Page) => page.getByRole('table', { name: 'Checks, the newest first' });
const checks = (page: Page) => list(page).locator('tbody tr').filter({ has: page.locator('time') });

test('checks stand newest first, with what happened, and can be filtered', async ({ page, open, dashboard, working, refused, javaScriptEnabled }) => {
  const ids = [await dashboard.add(working), await dashboard.add(refused)];
  await open('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Activity' }).click();
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Activity' })).toHaveAttribute('aria-current', 'page');
  await expect(checks(page).filter({ hasText: refused.name }).first()).toContainText('Connection refused');
  await expect(checks(page).filter({ hasText: working.name }).last()).toContainText('new connection');
  const times = await checks(page).locator('time').evaluateAll((all) => all.map((time) => Date.parse(time.getAttribute('datetime') ?? '')));
  expect(times).toEqual([...times].sort((one, other) => other - one));

  await page.getByRole('group', { name: 'Outcome' }).getByRole('link', { name: 'Failed' }).click();
  await expect(page).toHaveURL(/ok=false/);
  await expect(checks(page).filter({ hasText: working.name })).toHaveCount(0);
  await expect(checks(page).filter({ hasText: refused.name })).not.toHaveCount(0);

  await page.getByRole('combobox', { name: 'Connection' }).selectOption(working.name);
  if (javaScriptEnabled === false) {
    await page.getByRole('main').getByRole('button', { name: 'Show' }).click();
  }
  await expect(page).toHaveURL(new RegExp(`connection_id=${ids[0]}`));
  await expect(page.getByText('No check failed')).toBeVisible();
  await page.getByRole('link', { name: 'Show all checks' }).click();
  await checks(page).filter({ hasText: refused.name }).first().getByRole('link').click();
  await expect(page).toHaveURL(new RegExp(`/connections/${ids[1]}$`));
});

test('older checks come as the end nears, and what is far away leaves the document', async ({ page, open, dashboard, refused, javaScriptEnabled }) => {
  for (let at = 0; at < 40; at += 1) {
    await dashboard.add({ ...refused, name: `refused ${at}` });
  }
  for (let round = 0; round < 6; round += 1) {
    expect((await fetch(`${dashboard.url}/api/test/all-regions`, { method: 'POST' })).ok).toBe(true);
  }
  await open('/activity');
  await expect(checks(page)).toHaveCount(100);
  const newest = await checks(page).first().locator('time').getAttribute('datetime');
  const older = page.getByRole('link', { name: 'Show older' });
  if (javaScriptEnabled === false) {
    await older.click();
    await expect(page).toHaveURL(/before=/);
    await expect(checks(page)).toHaveCount(100);
    await expect(list(page).locator(`time[datetime="${newest}"]`)).toHaveCount(0);
    await page.getByRole('link', { name: 'To the newest checks' }).click();
    await expect(page).toHaveURL(/\/activity$/);
    return;
  }
  await expect(async () => {
    await page.mouse.wheel(0, 100_000);
    await expect(page.getByText('This is the oldest check that is kept.')).toBeVisible({ timeout: 300 });
  }).toPass();
  await expect(list(page).locator('tbody')).toHaveCount(3);
  // The newest page is far above: its rows are gone, its place is not.
  await expect(list(page).locator(`time[datetime="${newest}"]`)).toHaveCount(0);
  expect(await checks(page).count()).toBeLessThan(250);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.mouse.wheel(0, -1_000_000);
  await expect(list(page).locator(`time[datetime="${newest}"]`)).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBe(height);
});

test('without connections the page says the next step', async ({ page, open }) => {
  await open('/activity');
  await expect(page.getByText('No checks yet')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Add connection' }).click();
  await expect(page).toHaveURL(/\/connections\/new$/);
});
