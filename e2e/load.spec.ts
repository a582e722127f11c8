// A load test: asked for, watched, cancelled, found again after a reload, compared with the one before.

import type { Page } from '@playwright/test';
import { expect, expectStatus, test } from './test';

const field = (page: Page, label: string) => page.getByRole('textbox', { name: label });
const running = (page: Page) => page.getByRole('region', { name: /connections?$|Connecting/ });
const tile = (page: Page, label: string) => page.locator('.tile').filter({ hasText: label });

async function start(page: Page, connections: number, seconds: number): Promise<void> {
  await field(page, 'Connections').fill(String(connections));
  await field(page, 'Seconds').fill(String(seconds));
  await page.getByRole('button', { name: 'Start' }).click();
}

/** Waits for the end of a running test. Without JavaScript a person looks again. */
async function over(page: Page, javaScriptEnabled: boolean | undefined): Promise<void> {
  const last = page.getByRole('heading', { name: /^Last test/ });
  if (javaScriptEnabled === false) {
    await expect(async () => {
      await page.getByRole('link', { name: 'Look again' }).click({ timeout: 500 }).catch(() => undefined);
      await expect(last).toBeVisible({ timeout: 500 });
    }).toPass();
  } else {
    await expect(last).toBeVisible({ timeout: 20_000 });
  }
}

test('a load test runs, shows each second, and is compared with the next', async ({ page, open, dashboard, working, javaScriptEnabled }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}/load`);
  await expect(page.getByText('No load test yet')).toBeVisible();
  await start(page, 2, 3);
  await expect(running(page)).toBeVisible();
  await expect(page.getByRole('progressbar', { name: 'Load test' })).toBeVisible();
  await over(page, javaScriptEnabled);

  await expect(page.getByRole('heading', { name: 'Last test: 2 connections, 3 s' })).toBeVisible();
  const chart = javaScriptEnabled === false ? 'img' : 'application';
  await expect(page.getByRole(chart, { name: /^Requests per second: Requests \d/ })).toBeVisible();
  await expect(page.getByRole(chart, { name: /^Latency by second: Median \d/ })).toBeVisible();
  await expect(tile(page, 'Failed')).toContainText('0');
  await expect(page.getByRole('table', { name: 'How long requests and connecting took' }).getByRole('row', { name: /^p99 / })).toContainText('ms');
  await page.getByText('Both as a table').click();
  await expect(page.getByRole('table', { name: 'Each second of the load test' }).getByRole('row', { name: /^3 / })).toBeVisible();

  await start(page, 2, 1);
  await over(page, javaScriptEnabled);
  const compared = page.getByRole('table', { name: 'The last load test against the one before' });
  await expect(compared.getByRole('row', { name: /^Throughput/ })).toContainText('/s');
  await expect(page.getByRole('region', { name: 'Against the test before' })).toContainText('It was another test: 2 connections, 1 s instead of 2 connections, 3 s');
});

test('a running load test is found again after a reload, and can be cancelled', async ({ page, open, dashboard, working, javaScriptEnabled }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}/load`);
  await start(page, 1, 120);
  await expect(running(page)).toBeVisible();
  await open(`/connections/${id}/load`);
  await expect(running(page)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await over(page, javaScriptEnabled);
  await expect(page.getByText('Cancelled', { exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Start' })).toBeEnabled();
});

test('a load test that is out of range is refused by field, and keeps what was typed', async ({ page, open, dashboard, working }) => {
  expectStatus(page, 422);
  const id = await dashboard.add(working);
  await open(`/connections/${id}/load`);
  await field(page, 'Ramp-up').fill('7');
  await start(page, 201, 0.5);
  for (const [label, typed] of [['Connections', '201'], ['Seconds', '0.5'], ['Ramp-up', '7']] as const) {
    await expect(field(page, label)).toHaveAttribute('aria-invalid', 'true');
    await expect(field(page, label)).toHaveValue(typed);
    await expect(field(page, label)).toHaveAccessibleDescription(/From/);
  }
  await expect(running(page)).toHaveCount(0);
});

test('more connections than the server has free are refused with the number that it may use', async ({ page, open, dashboard, working }) => {
  expectStatus(page, 409, 422, 503);
  const id = await dashboard.add(working);
  await open(`/connections/${id}/load`);
  await start(page, 150, 1);
  await expect(page.locator('#load-form, [role=alert]').filter({ hasText: /free|at most \d+|may use/i }).first()).toContainText(/\d+/);
});
