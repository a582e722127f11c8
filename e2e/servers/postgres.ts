// A real PostgreSQL to be monitored, from the npm packages that package.json names (`pg13`, `pg18`).

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Program } from './program';
import { runSql } from './sql';

const ROOT = join(__dirname, '../..');

/** As whom PostgreSQL runs: it refuses root. */
type Account = { uid?: number; gid?: number };

export class Postgres {
  readonly host = '127.0.0.1';
  /** May log in, may read statistics, is no superuser. */
  readonly user = 'app';
  readonly password = 'correct horse';
  /** Has pg_stat_statements. */
  readonly database = 'orders';
  /** Does not have it. */
  readonly bareDatabase = 'bare';

  private constructor(
    readonly major: number,
    readonly port: number,
    private readonly program: Program,
    private readonly folder: string,
  ) {}

  static async start(major: 13 | 18): Promise<Postgres> {
    // Short: a socket's path has at most 107 bytes.
    const folder = mkdtempSync(join(tmpdir(), 'pge-'));
    const account = accountForServers();
    chmodSync(folder, 0o755);
    const data = join(folder, 'data');
    mkdirSync(data);
    if (account.uid !== undefined && account.gid !== undefined) {
      chownSync(folder, account.uid, account.gid);
      chownSync(data, account.uid, account.gid);
    }
    const bin = reachableBinaries(major, folder, account);
    const run = (program: string, args: string[], input?: string) => {
      const done = spawnSync(join(bin, program), args, { ...account, input, cwd: folder, encoding: 'utf8' });
      if (done.status !== 0) {
        throw new Error(`${program} of PostgreSQL ${major}: ${done.error ?? done.stderr}`);
      }
    };
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'not used by the tests\n');
    run('initdb', ['-D', data, '-U', 'postgres', '--auth-host', 'scram-sha-256', '--auth-local', 'trust', '--pwfile', passwordFile, '-E', 'UTF8', '--no-locale', '-N']);
    // The package has no psql: the databases are made in single-user mode, one statement a line.
    run('postgres', ['--single', '-D', data, 'postgres'], 'CREATE DATABASE orders\nCREATE DATABASE bare\n');
    run(
      'postgres',
      ['--single', '-D', data, 'orders'],
      [
        "CREATE ROLE app LOGIN PASSWORD 'correct horse'",
        'GRANT pg_monitor TO app',
        'CREATE EXTENSION pg_stat_statements',
        'CREATE TABLE invoice (id bigint PRIMARY KEY, note text)',
        '',
      ].join('\n'),
    );

    const port = await freePort();
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: folder,
      shared_preload_libraries: 'pg_stat_statements',
      fsync: 'off',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const program = await Program.start(join(bin, 'postgres'), ['-D', data, ...args], {
      ...account,
      cwd: folder,
      name: `PostgreSQL ${major}`,
      isReady: () => accepts(folder, port),
    });
    return new Postgres(major, port, program, folder);
  }

  /** Runs statements as the superuser, each on its own: `ALTER SYSTEM` and others refuse a transaction. */
  async run(database: string, ...statements: string[]): Promise<void> {
    for (const statement of statements) {
      await runSql(join(this.folder, `.s.PGSQL.${this.port}`), database, statement);
    }
  }

  async stop(): Promise<void> {
    await this.program.stop('SIGINT'); // its fast shutdown
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function accountForServers(): Account {
  if (process.getuid?.() !== 0) {
    return {};
  }
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim());
    if (uid && gid) {
      return { uid: Number(uid), gid: Number(gid) };
    }
  }
  throw new Error('PostgreSQL refuses root, and this system has neither a user postgres nor nobody');
}

/** The package's programs; copied where that user cannot reach them (a clone in root's home). */
function reachableBinaries(major: number, folder: string, account: Account): string {
  const native = join(ROOT, 'node_modules', `pg${major}`, 'native');
  const bin = join(native, 'bin');
  if (!existsSync(bin)) {
    throw new Error(`node_modules/pg${major} is not there: run \`cargo xtask setup\``);
  }
  if (spawnSync(join(bin, 'postgres'), ['--version'], account).status === 0) {
    return bin;
  }
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, 'bin');
}

/** Whether it runs statements: it listens, and refuses every session, a while before that. */
async function accepts(folder: string, port: number): Promise<boolean> {
  const asking = runSql(join(folder, `.s.PGSQL.${port}`), 'postgres', 'SELECT 1');
  return asking.then(() => true, () => false);
}
