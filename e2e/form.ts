// Filling the connection form as a person does, by its labels.

import type { Locator, Page } from '@playwright/test';
import type { NewConnection } from './servers/dashboard';

/** A text field of the form. */
export function field(page: Page, label: string): Locator {
  return page.getByRole('textbox', { name: new RegExp(`^${label}( \\(?required\\)?)?$`, 'i') });
}

const LABELS: Record<keyof Omit<NewConnection, 'ssl_mode' | 'allow_statements'>, string> = {
  name: 'Name',
  host: 'Host',
  port: 'Port',
  database_name: 'Database',
  username: 'User',
  password: 'Password',
};

export async function fill(page: Page, connection: Partial<NewConnection>): Promise<void> {
  for (const [key, label] of Object.entries(LABELS)) {
    const value = connection[key as keyof NewConnection];
    if (value !== undefined) {
      await field(page, label).fill(String(value));
    }
  }
  if (connection.ssl_mode) {
    await page.getByRole('radio', { name: new RegExp(`^${connection.ssl_mode}`, 'i') }).check();
  }
}

export async function save(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Save and test' }).click();
}
