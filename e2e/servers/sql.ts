// Statements for a PostgreSQL of the tests, through its socket, where it trusts its superuser: the simple protocol and
// nothing else, because no client library is needed for anything else.

import { connect } from 'node:net';

const PROTOCOL = 196_608; // 3.0

/** Runs statements as the superuser and resolves when they are done; rejects with the server's words. */
export async function runSql(socket: string, database: string, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connect(socket);
    let received: Buffer = Buffer.alloc(0);
    let asked = false;
    let refusal: string | undefined;
    const send = (type: string, body: Buffer) => {
      const head = Buffer.alloc(type.length + 4);
      head.write(type, 0, 'latin1');
      head.writeInt32BE(body.length + 4, type.length);
      session.write(Buffer.concat([head, body]));
    };
    session.once('connect', () => {
      const version = Buffer.alloc(4);
      version.writeInt32BE(PROTOCOL);
      send('', Buffer.concat([version, Buffer.from(`user\0postgres\0database\0${database}\0\0`)]));
    });
    session.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 5 && received.length > received.readInt32BE(1)) {
        const length = received.readInt32BE(1);
        const [type, body] = [String.fromCharCode(received[0] ?? 0), received.subarray(5, length + 1)];
        received = received.subarray(length + 1);
        if (type === 'E') {
          refusal = body.toString('utf8').replaceAll('\0', ' ');
        } else if (type === 'Z' && !asked && refusal === undefined) {
          asked = true;
          send('Q', Buffer.from(`${sql}\0`));
        } else if (type === 'Z') {
          session.end();
        }
      }
    });
    session.once('error', reject);
    session.once('close', () => {
      if (refusal !== undefined || !asked) {
        reject(new Error(`${refusal ?? 'the session ended early'}\n${sql}`));
      } else {
        resolve();
      }
    });
  });
}
