// The dashboard as a user starts it: the built binary with nothing set, so that it brings its own PostgreSQL.

import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Program } from './program';

const ROOT = join(__dirname, '../..');
const BINARY = process.env.PG_DASHBOARD_BIN ?? join(ROOT, 'target/debug/pg-dashboard');

/** A connection as the REST API takes it. */
export type NewConnection = {
  name?: string;
  host: string;
  port: number;
  database_name: string;
  username: string;
  password?: string;
  ssl_mode?: string;
  /** Whether statements that are not the dashboard's own may be planned and run. */
  allow_statements?: boolean;
  /** Whether it is tested at once; it is unless this says no. */
  test?: boolean;
};

/** What settings of the person or machine must not leak into the tests: an empty variable counts as not set. */
const UNSET = {
  DATABASE_URL: '',
  DATABASE_DIRECT_URL: '',
  DB_PASSWORD_ENCRYPTION_KEY: '',
  TIMESCALE_RETENTION_DAYS: '',
  TIMESCALE_CHUNK_TIME_INTERVAL: '',
  HOST: '',
  LEPTOS_SITE_ROOT: process.env.E2E_SITE_ROOT ?? '',
};

export class Dashboard {
  private constructor(
    /** http://127.0.0.1:port */
    readonly url: string,
    private program: Program,
    private readonly folder: string,
    private readonly watching: boolean,
  ) {}

  /** `watching`: it asks by itself; most tests want to be the only ones who do. */
  static async start({ watching = false } = {}): Promise<Dashboard> {
    if (!existsSync(BINARY) || !existsSync(join(ROOT, 'target/site/pkg'))) {
      throw new Error('pg-dashboard and its page are not built: run `cargo xtask build`, or `cargo xtask test e2e`');
    }
    const folder = mkdtempSync(join(tmpdir(), 'pgd-'));
    chmodSync(folder, 0o755);
    const url = `http://127.0.0.1:${await freePort()}`;
    return new Dashboard(url, await Dashboard.run(url, folder, watching), folder, watching);
  }

  private static run(url: string, folder: string, watching: boolean): Promise<Program> {
    return Program.start(BINARY, [], {
      name: 'pg-dashboard',
      cwd: ROOT,
      env: { ...process.env, ...UNSET, WATCH: String(watching), PORT: new URL(url).port, PG_DASHBOARD_DATA: join(folder, 'data') },
      isReady: async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok ?? false,
    });
  }

  /** Stops it, waits for `meanwhile`, and starts it again at the same address with the same data. */
  async restart(meanwhile: () => Promise<void>): Promise<void> {
    await this.program.stop();
    await meanwhile();
    this.program = await Dashboard.run(this.url, this.folder, this.watching);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get log(): string {
    return this.program.output;
  }

  /** Adds a connection past the interface and tests it; its id. */
  async add(connection: NewConnection): Promise<number> {
    const answer = await this.ask('POST', '/api/db/connections', connection);
    return (answer as { connection: { id: number } }).connection.id;
  }

  /** Tests a connection now, as anybody else might. */
  async test(id: number): Promise<void> {
    await this.ask('POST', `/api/test/connection/${id}`);
  }

  /** Changes a connection's name, as somebody else would meanwhile. */
  async rename(id: number, name: string): Promise<void> {
    const now = (await this.ask('GET', `/api/db/connections/${id}`)) as NewConnection;
    const { host, port, database_name, username, ssl_mode } = now;
    await this.ask('PUT', `/api/db/connections/${id}`, { name, host, port, database_name, username, ssl_mode });
  }

  /** Deletes every connection. */
  async clear(): Promise<void> {
    const list = (await this.ask('GET', '/api/db/connections?limit=500')) as { items: { id: number }[] };
    await Promise.all(list.items.map(({ id }) => this.ask('DELETE', `/api/db/connections/${id}`)));
  }

  async names(): Promise<string[]> {
    const list = (await this.ask('GET', '/api/db/connections?limit=500')) as { items: { name: string }[] };
    return list.items.map(({ name }) => name);
  }

  private async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const headers = body === undefined ? undefined : { 'content-type': 'application/json' };
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) {
      throw new Error(`${method} ${path}: ${answer.status} ${text}\n${this.log.slice(-2000)}`);
    }
    return text ? JSON.parse(text) : null;
  }
}
