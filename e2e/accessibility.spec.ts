// Every page, in both themes, wide and on a phone: axe finds nothing, nothing scrolls sideways.

import type { Page } from '@playwright/test';
import { field, save } from './form';
import { expect, expectAccessible, expectStatus, test } from './test';

const THEMES = ['light', 'dark'] as const;
const WIDTHS = [1280, 360] as const;

type Visit = { title: string; path: (ids: { up: number; down: number }) => string; then?: (page: Page) => Promise<void> };

const PAGES: Visit[] = [
  { title: 'overview', path: () => '/' },
  { title: 'form', path: () => '/connections/new' },
  {
    title: 'refused form',
    path: () => '/connections/new',
    then: async (page) => {
      await field(page, 'Port').fill('0');
      await save(page);
      await page.getByRole('alert').waitFor();
    },
  },
  { title: 'connection', path: ({ up }) => `/connections/${up}` },
  { title: 'connection that is down', path: ({ down }) => `/connections/${down}` },
  { title: 'latency', path: ({ up }) => `/connections/${up}/latency?range=1h` },
  { title: 'latency of one that is down', path: ({ down }) => `/connections/${down}/latency` },
  { title: 'health', path: ({ up }) => `/connections/${up}/health` },
  { title: 'health of one that is down', path: ({ down }) => `/connections/${down}/health` },
  { title: 'queries', path: ({ up }) => `/connections/${up}/queries` },
  {
    title: 'load test',
    path: ({ up }) => `/connections/${up}/load`,
    then: async (page) => {
      await page.getByRole('textbox', { name: 'Seconds' }).fill('1');
      await page.getByRole('button', { name: 'Start' }).click();
      // The test goes on without the page: without JavaScript somebody looks again.
      await expect(async () => {
        await page.getByRole('link', { name: 'Look again' }).click({ timeout: 500 }).catch(() => undefined);
        await expect(page.getByRole('heading', { name: /^Last test/ })).toBeVisible({ timeout: 500 });
      }).toPass();
    },
  },
  { title: 'changes', path: ({ up }) => `/connections/${up}/changes` },
  { title: 'all queries', path: () => '/queries' },
  { title: 'activity', path: () => '/activity' },
  { title: 'edit', path: ({ up }) => `/connections/${up}/edit` },
  { title: 'delete', path: ({ up }) => `/connections/${up}/delete` },
  { title: 'no such page', path: () => '/nothing/here' },
];

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    test.describe(`${theme}, ${width} px`, () => {
      test.use({ colorScheme: theme, viewport: { width, height: 800 } });
      // Without JavaScript the markup is the same in every theme and width: the two ends of it will do.
      test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false && (theme === 'light') !== (width === 360));

      test('overview without connections', async ({ page, open }) => {
        await open('/');
        await expectGood(page, `empty-${width}-${theme}`);
      });

      for (const { title, path, then } of PAGES) {
        test(title, async ({ page, open, dashboard, working, refused }) => {
          expectStatus(page, 404, 422);
          const ids = { up: await dashboard.add(working), down: await dashboard.add(refused) };
          await open(path(ids));
          await then?.(page);
          await expectGood(page, `${title.replaceAll(' ', '-')}-${width}-${theme}`);
        });
      }
    });
  }
}

async function expectGood(page: Page, picture: string): Promise<void> {
  // Kept for a look beside the design.
  await page.screenshot({ path: `${__dirname}/results/pictures/${test.info().project.name}/${picture}.png`, fullPage: true });
  await expectAccessible(page);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(sideways, 'pixels that the page scrolls sideways').toBe(0);
}
