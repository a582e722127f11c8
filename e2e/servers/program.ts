// A program that a test run starts, waits for, and stops.

import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { createServer } from 'node:net';

/** How long a start may take before it counts as failed. */
const READY_WITHIN_MS = 60_000;
/** After this, a program that was asked to stop is killed. */
const STOPPED_WITHIN_MS = 15_000;

export class Program {
  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
    private readonly said: string[],
  ) {}

  /** Starts it and resolves when `isReady` does; rejects with what it said when it ends before that. */
  static async start(
    command: string,
    args: string[],
    options: SpawnOptions & { name: string; isReady: () => Promise<boolean> },
  ): Promise<Program> {
    const said: string[] = [];
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (chunk: Buffer) => said.push(chunk.toString());
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    const program = new Program(options.name, child, said);
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        reject(new Error(`${options.name} ended early (${signal ?? code}):\n${said.join('')}`)),
      );
    });
    try {
      await Promise.race([ended, program.ready(options.isReady)]);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    ended.catch(() => undefined);
    return program;
  }

  private async ready(isReady: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await isReady())) {
      if (Date.now() > deadline) {
        throw new Error(`${this.name} was not ready in time:\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Everything it has printed. */
  get output(): string {
    return this.said.join('');
  }

  /** SIGTERM, or `signal`, and its end; the exit code, or null after a signal. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) {
      return this.child.exitCode;
    }
    const ended = new Promise<number | null>((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOPPED_WITHIN_MS);
    const code = await ended;
    clearTimeout(timer);
    return code;
  }
}

/** A port of 127.0.0.1 that nothing listens on now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
