// Charts: there before anything runs, a canvas after that; read by pointer and keyboard, zoomed, switched, saved.

import type { Locator, Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { expect, expectStatus, test } from './test';

const CHECKS = 5;

const panel = (page: Page, title = 'Round trip') => page.getByRole('region', { name: title, exact: true });
const plot = (page: Page) => panel(page).getByRole('application');

/** How many pixels of a layer are painted, and how bright they are (0 to 255). */
async function painted(page: Page, layer: 'axes' | 'series'): Promise<{ pixels: number; brightness: number }> {
  const canvas = panel(page).locator('canvas').nth(layer === 'axes' ? 0 : 1);
  return canvas.evaluate((canvas: HTMLCanvasElement) => {
    // Of a copy: a canvas that is read often is drawn in another way, and Chromium says so.
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true })!;
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let [pixels, sum] = [0, 0];
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3]! > 200) {
        pixels += 1;
        sum += (data[at]! + data[at + 1]! + data[at + 2]!) / 3;
      }
    }
    return { pixels, brightness: sum / Math.max(pixels, 1) };
  });
}

let id: number;

test.beforeEach(async ({ page, dashboard, working }) => {
  id = await dashboard.add(working);
  for (let check = 1; check < CHECKS; check += 1) {
    expect((await page.request.post(`/api/test/connection/${id}`)).ok()).toBe(true);
  }
});

async function openTable(where: Locator): Promise<Locator> {
  await where.getByText('As a table').click();
  return where.getByRole('table');
}

test.describe('without a script', () => {
  test.skip(({ javaScriptEnabled }) => javaScriptEnabled !== false);

  test('there are a drawing, its numbers and links to other ranges', async ({ page, open }) => {
    await open(`/connections/${id}/latency`);
    const drawing = panel(page).getByRole('img', { name: /^Round trip from .*: Round trip .* ms/ });
    await expect(drawing).toBeVisible();
    await expect(panel(page, 'Connecting').getByRole('img', { name: /^Connecting from .*TCP/ })).toBeVisible();

    const table = await openTable(panel(page));
    // Its head and the checks; the page's own reading of the health may have asked, too.
    expect(await table.getByRole('row').count()).toBeGreaterThan(CHECKS);

    await page.getByRole('link', { name: '7 d' }).click();
    await expect(page).toHaveURL(/range=7d/);
    await expect(page.getByRole('link', { name: '7 d' })).toHaveAttribute('aria-current', 'true');
    await expect(panel(page).getByRole('img', { name: /^Round trip from/ })).toBeVisible();
  });

  test('two times can be typed', async ({ page, open }) => {
    await open(`/connections/${id}/latency`);
    await page.getByText('Custom').click();
    await page.getByLabel('From, UTC').fill('2026-05-04T14:00:00');
    await page.getByLabel('To, UTC').fill('2026-05-04T15:00:00');
    await page.getByRole('button', { name: 'Show' }).click();
    await expect(page).toHaveURL(/from=2026-05-04T14/);
    await expect(panel(page)).toContainText('Nothing was measured in this range.');
  });
});

test.describe('once the page is awake', () => {
  test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false);

  test.beforeEach(async ({ page, open }) => {
    await open(`/connections/${id}/latency?range=1h`);
    await expect(panel(page).locator('canvas').last()).toBeVisible();
  });

  test('a canvas takes the place of the first drawing, with something on it', async ({ page }) => {
    await expect(panel(page).locator('.chart__static')).toBeHidden();
    expect((await painted(page, 'axes')).pixels).toBeGreaterThan(500);
    expect((await painted(page, 'series')).pixels).toBeGreaterThan(5);
  });

  test('the canvas follows the theme', async ({ page }) => {
    // Lines across: nearly white on white, nearly black on black.
    expect((await painted(page, 'axes')).brightness).toBeGreaterThan(150);
    await page.getByRole('button', { name: 'Switch between light and dark' }).click();
    await expect.poll(async () => (await painted(page, 'axes')).brightness).toBeLessThan(100);
  });

  test('what is dragged over is zoomed into, survives a reload, and can be left', async ({ page }) => {
    const box = (await plot(page).boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.9, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.97, box.y + 60, { steps: 4 });
    await page.mouse.move(box.x + box.width - 1, box.y + 60);
    await page.mouse.up();
    await expect(page).toHaveURL(/range=1h&from=20.*Z&to=20.*Z/);
    const zoomed = page.url();
    const [from, to] = ['from', 'to'].map((name) => Date.parse(new URL(zoomed).searchParams.get(name)!)) as [number, number];
    // A tenth of an hour.
    expect(to - from).toBeGreaterThan(300_000);
    expect(to - from).toBeLessThan(420_000);

    await page.reload();
    await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
    expect(page.url()).toBe(zoomed);
    await expect(panel(page).locator('canvas').last()).toBeVisible();
    await panel(page).getByRole('button', { name: 'Reset zoom' }).click();
    await expect(page).toHaveURL(/range=1h$/);
    await expect(page.getByRole('button', { name: 'Reset zoom' })).toHaveCount(0);
  });

  test('a line can be switched off and on again', async ({ page }) => {
    const key = panel(page).getByRole('button', { name: 'Round trip', exact: true });
    await expect(key).toHaveAttribute('aria-pressed', 'true');
    await key.click();
    await expect(key).toHaveAttribute('aria-pressed', 'false');
    await expect.poll(async () => (await painted(page, 'series')).pixels).toBe(0);
    await key.click();
    await expect.poll(async () => (await painted(page, 'series')).pixels).toBeGreaterThan(5);
  });

  test('it is read by keyboard', async ({ page }) => {
    await plot(page).focus();
    await page.keyboard.press('End');
    const said = panel(page).locator('[aria-live=polite]');
    await expect(said).toContainText(/^\d+ \w+ \d{4}, \d\d:\d\d:\d\d\. Round trip [\d.]+ .?s, Checks: 1, ok/);
    const last = await said.textContent();
    await page.keyboard.press('ArrowLeft');
    await expect(said).not.toHaveText(last!);
    await page.keyboard.press('ArrowRight');
    await expect(said).toHaveText(last!);
    // What is read out also stands beside the cross-hair.
    await expect(panel(page).locator('.tip')).toContainText('Round trip');

    await page.keyboard.press('Home');
    await page.keyboard.press('Shift+End');
    await page.keyboard.press('Escape');
    await expect(panel(page).locator('.chart__brush')).toHaveCount(0);
  });

  test('the file has the same numbers as the table', async ({ page }) => {
    const table = await openTable(panel(page));
    const rows = await table.locator('tbody tr').evaluateAll((all) =>
      all.map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent!)),
    );
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      panel(page).getByRole('button', { name: /^CSV/ }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('round-trip.csv');
    const [head, ...lines] = readFileSync((await download.path())!, 'utf8').trim().split('\r\n');
    expect(head).toBe('time,round_trip_ms,count,failures');
    expect(lines).toHaveLength(rows.length);
    // The table has the newest first.
    lines.reverse().forEach((line, at) => {
      const [time, value, count, failures] = line.split(',');
      const [shownTime, shownValue, shownCount] = rows[at]!;
      expect(shownTime).toContain(time!.slice(11, 19));
      expect(Math.abs(Number.parseFloat(shownValue!) - Number(value))).toBeLessThan(0.006 + Number(value) * 0.01);
      expect(shownCount).toBe(count);
      expect(failures).toBe('0');
    });
  });

  test('it can be saved as a picture', async ({ page }) => {
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      panel(page).getByRole('button', { name: /^PNG/ }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('round-trip.png');
    const bytes = readFileSync((await download.path())!);
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    // Twice as sharp as it is large.
    expect(bytes.readUInt32BE(16)).toBe(2400);
  });

  test('the numbers of the health are drawn, too', async ({ page, open }) => {
    await open(`/connections/${id}/health?range=1h`);
    const sessions = page.getByRole('figure', { name: 'Sessions' });
    await expect(sessions.locator('canvas').last()).toBeVisible();
    await expect(sessions.getByRole('button', { name: 'Idle', exact: true })).toHaveAttribute('aria-pressed', 'true');
  });
});

test('a range that is none is named', async ({ page, open }) => {
  expectStatus(page, 422);
  await open(`/connections/${id}/latency?from=yesterday&to=2026-05-04T15:00`);
  await expect(page.getByText('That is no time')).toBeVisible();
  await open(`/connections/${id}/latency?from=2026-05-04T15:00&to=2026-05-04T14:00`);
  await expect(page.getByRole('alert').getByText(/from/)).toBeVisible();
});
