// The main job: a person adds a PostgreSQL and sees it tested, timed and explained; edits it; deletes it and thinks again.

import type { Page } from '@playwright/test';
import { fill, field, save } from './form';
import { expect, expectStatus, test } from './test';

const lastTest = (page: Page) => page.getByRole('region', { name: 'Last test' });

/** Marks the document; the mark is gone after a page load. */
const mark = (page: Page) => page.evaluate(() => document.body.setAttribute('data-same-page', ''));
const expectSamePage = (page: Page) => expect(page.locator('body[data-same-page]')).toBeAttached();

test('a new dashboard says what to do first', async ({ page, open }) => {
  await open('/');
  await expect(page.getByRole('main').getByRole('link', { name: /add .*connection/i }).first()).toBeVisible();
  await expect(page.getByRole('row')).toHaveCount(0);
});

test('a connection is added, tested step by step, and its health is read', async ({ page, open, postgres, working, javaScriptEnabled }) => {
  // What the dashboard itself asks is not shown.
  await postgres.run(working.database_name, 'SELECT count(*) FROM pg_class');
  await open('/');
  await mark(page);
  await page.getByRole('main').getByRole('link', { name: /add .*connection/i }).first().click();
  await expect(page.getByRole('heading', { name: 'Add connection', level: 1 })).toBeVisible();
  await fill(page, working);
  await save(page);

  await expect(page.getByRole('heading', { name: working.name, level: 1 })).toBeVisible();
  await expect(lastTest(page).getByRole('img', { name: /TCP .* ms, Auth.* ms/i })).toBeVisible();
  await expect(lastTest(page)).toContainText('PostgreSQL 18');
  const health = page.getByRole('region', { name: 'Health' });
  await expect(health).toContainText(/of 100|healthy|\d/i);
  await expect(page.getByRole('region', { name: 'Server' })).toContainText('18');
  await expect(page.getByRole('table', { name: 'The most expensive statements' })).toBeVisible();
  if (javaScriptEnabled !== false) {
    await expectSamePage(page);
  }

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByRole('link', { name: working.name })).toBeVisible();
});

test('a connection that cannot be reached is saved, is in the list at once, and says why and what to do', async ({
  page,
  open,
  refused,
}) => {
  await open('/connections/new');
  await fill(page, refused);
  await save(page);

  await expect(lastTest(page)).toContainText('Saved, but it cannot be reached');
  await expect(lastTest(page).getByRole('heading', { name: 'What to do' })).toBeVisible();
  await expect(lastTest(page)).toContainText('refused');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByRole('link', { name: refused.name })).toBeVisible();
});

test('a wrong password is told apart from a server that is not there', async ({ page, open, working }) => {
  await open('/connections/new');
  await fill(page, { ...working, password: 'wrong' });
  await save(page);
  await expect(lastTest(page)).toContainText(/password/i);
  await expect(lastTest(page)).toContainText('28P01');
});

test('a refused form names each field, keeps what was typed, and stores nothing', async ({ page, open, dashboard, working }) => {
  expectStatus(page, 422);
  await open('/connections/new');
  await fill(page, { ...working, port: 70000, username: '' });
  await save(page);

  await expect(page.getByRole('alert')).toContainText('two fields need a correction');
  for (const label of ['Port', 'User']) {
    await expect(field(page, label)).toHaveAttribute('aria-invalid', 'true');
    await expect(field(page, label)).toHaveAccessibleDescription(/\S/);
  }
  await expect(field(page, 'Name')).toHaveValue(working.name);
  await expect(field(page, 'Host')).toHaveValue(working.host);
  await expect(field(page, 'Port')).toHaveValue('70000');
  expect(await dashboard.names()).toEqual([]);

  await fill(page, { port: working.port, username: working.username, password: working.password });
  await save(page);
  await expect(lastTest(page)).toContainText('PostgreSQL 18');
});

test('a connection is edited, and keeps its password', async ({ page, open, dashboard, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}`);
  await page.getByRole('link', { name: 'Settings' }).click();
  await expect(field(page, 'Name')).toHaveValue(working.name);
  await expect(field(page, 'Password')).toHaveValue('');
  await fill(page, { name: 'orders renamed' });
  await save(page);

  await expect(page.getByRole('heading', { name: 'orders renamed', level: 1 })).toBeVisible();
  await expect(lastTest(page)).toContainText('PostgreSQL 18');
  expect(await dashboard.names()).toEqual(['orders renamed']);
});

test('an edit of a connection that somebody else changed says so, and can be saved all the same', async ({
  page,
  open,
  dashboard,
  working,
}) => {
  expectStatus(page, 409);
  const id = await dashboard.add(working);
  await open(`/connections/${id}/edit`);
  await dashboard.rename(id, 'theirs');
  await fill(page, { name: 'mine' });
  await save(page);
  await expect(page.getByRole('alert')).toContainText('somebody changed this connection in the meantime');
  await expect(field(page, 'Name')).toHaveValue('mine');
  await save(page);
  await expect(page.getByRole('heading', { name: 'mine', level: 1 })).toBeVisible();
});

test('a deletion asks first, hides the connection, and can be undone', async ({ page, open, dashboard, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}`);
  await page.getByRole('link', { name: 'Delete' }).click();
  await expect(page.getByText('You can undo for 30 seconds')).toBeVisible();
  expect(await dashboard.names()).toEqual([working.name]);

  await page.getByRole('button', { name: 'Delete' }).click();
  await expect(page).toHaveURL(/deleted=/);
  await expect(page.getByRole('link', { name: working.name })).toHaveCount(0);
  expect(await dashboard.names()).toEqual([]);

  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByRole('link', { name: working.name })).toBeVisible();
  expect(await dashboard.names()).toEqual([working.name]);
});

test('a test, a latency test and a health check can be asked for', async ({ page, open, dashboard, working }) => {
  const id = await dashboard.add(working);
  await open(`/connections/${id}`);
  await page.getByRole('button', { name: 'Test now' }).click();
  await expect(lastTest(page)).toContainText('PostgreSQL 18');

  await page.getByRole('spinbutton', { name: 'Rounds' }).fill('7');
  await page.getByRole('button', { name: 'Measure' }).click();
  await expect(page.getByRole('img', { name: /^7 rounds in order/ })).toBeVisible();

  await page.getByRole('button', { name: 'Check now' }).click();
  // A fresh reading takes two a second apart, so that the rates are known.
  await expect(page.getByRole('region', { name: 'Server' })).toContainText(/transactions/i);
});

test('a database without pg_stat_statements says how to get it', async ({ page, open, dashboard, postgres, working }) => {
  const id = await dashboard.add({ ...working, database_name: postgres.bareDatabase });
  await open(`/connections/${id}`);
  const statements = page.getByRole('region', { name: 'Statements' });
  await expect(statements).toContainText('Statement statistics are missing');
  await expect(statements).toContainText('CREATE EXTENSION');
});

test('hostile text is shown as text', async ({ page, open, dashboard, refused }) => {
  const name = '</title><img src=x onerror=alert(1)> & "quoted"';
  const id = await dashboard.add({ ...refused, name });
  await open(`/connections/${id}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(name);
  await expect(page).toHaveTitle(`(down) ${name} · pg-dashboard`);
  await expect(page.locator('img')).toHaveCount(0);
  for (const path of ['/', `/connections/${id}/edit`, `/connections/${id}/delete`]) {
    await open(path);
    await expect(page.locator('img')).toHaveCount(0);
  }
  await open('/');
  await expect(page.getByRole('link', { name })).toBeVisible();
});

test('direction marks and control characters in a name are refused by name', async ({ page, open, working }) => {
  expectStatus(page, 422);
  await open('/connections/new');
  await fill(page, { ...working, name: 'eu\u202Eevil' });
  await save(page);
  await expect(field(page, 'Name')).toHaveAccessibleDescription(/direction marks/);
});

test('a page that does not exist says so', async ({ page, open }) => {
  expectStatus(page, 404);
  await open('/connections/999999');
  await expect(page.getByText('There is no such connection')).toBeVisible();
  await open('/nothing/here');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
});

test('the theme can be chosen, and is kept', async ({ page, open }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await open('/');
  await page.getByRole('button', { name: 'Switch between light and dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await open('/connections/new');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});
