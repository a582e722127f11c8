// Browser tests: every one runs with the page hydrated and with JavaScript off, against a real dashboard that asks real
// PostgreSQL servers. `cargo xtask test e2e` builds what is needed and calls this.

import { defineConfig, devices } from '@playwright/test';
import { availableParallelism } from 'node:os';

const chromium = {
  ...devices['Desktop Chrome'],
  viewport: { width: 1280, height: 800 },
  launchOptions: {
    // Playwright's own browser is never downloaded.
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', // root has none
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      // A browser that looks for updates would ask hosts that are none of ours.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  },
};

export default defineConfig({
  testDir: '.',
  outputDir: 'results',
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  workers: Math.max(1, Math.min(availableParallelism(), 4)),
  reporter: [['list']],
  use: { trace: 'retain-on-failure', screenshot: 'only-on-failure', locale: 'en-GB', timezoneId: 'Europe/Berlin' },
  projects: [
    { name: 'hydrated', use: chromium },
    { name: 'no-javascript', use: { ...chromium, javaScriptEnabled: false } },
  ],
});
