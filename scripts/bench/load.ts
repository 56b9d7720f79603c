/**
 * The load generator, a process of its own. It speaks just enough HTTP/1.1 over raw sockets to cost clearly less than
 * the server it measures, and still compares every answer with the one that is right.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createHistogram, performance } from 'node:perf_hooks';
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import type { Job, LoadAnswer, LoadRequest, LoadResult, RequestSet } from './load-messages.ts';

/** Answers that stay out for so long after the last request count as wrong. */
const patienceMs = 10_000;
const readBufferBytes = 64 * 1024;
const headEnd = Buffer.from('\r\n\r\n');

interface ExpectedAnswer {
  readonly value: object;
  /** Most answers are these very bytes; only others are parsed. */
  readonly bytes: Buffer;
  /** The same compressed, as it came the first time. */
  gzip?: Buffer;
}

interface PreparedRequest {
  readonly bytes: Buffer;
  /** Where the set's counter stands in them. */
  readonly counters: readonly number[];
}

/** A set ready to be sent, over all jobs that send it. */
class PreparedSet {
  readonly size: number;
  readonly #requests: readonly PreparedRequest[];
  readonly #digits: number;
  #count: number;

  constructor({ requests, counter = '' }: RequestSet) {
    this.size = requests.length;
    this.#digits = counter.length;
    this.#count = Number(counter);
    this.#requests = requests.map((request) => {
      const bytes = Buffer.from(request);
      const counters: number[] = [];
      let at = counter === '' ? -1 : bytes.indexOf(counter);
      for (; at !== -1; at = bytes.indexOf(counter, at + counter.length)) counters.push(at);
      return { bytes, counters };
    });
  }

  /** @param index below `size`; 0 begins the set anew */
  bytesAt(index: number): Buffer {
    const request = this.#requests[index];
    if (!request) throw new Error('nothing to send');
    if (this.#digits === 0) return request.bytes;
    if (index === 0) this.#count += 1;
    const digits = String(this.#count).padStart(this.#digits, '0');
    const bytes = Buffer.from(request.bytes);
    for (const at of request.counters) bytes.write(digits, at, 'latin1');
    return bytes;
  }
}

const requestSets = new Map<string, PreparedSet>();

function describeMismatch(bytes: Buffer, expected: ExpectedAnswer): string {
  return `expected ${expected.bytes.toString()}, got ${bytes.toString('utf8', 0, 500)}`;
}

function isRight(body: Buffer, expected: ExpectedAnswer, isGzip: boolean): boolean {
  if (isGzip) {
    if (expected.gzip?.equals(body)) return true;
    if (!isRight(gunzipSync(body), expected, false)) return false;
    expected.gzip = Buffer.from(body);
    return true;
  }
  if (body.equals(expected.bytes)) return true;
  try {
    return isDeepStrictEqual(JSON.parse(body.toString()), expected.value);
  } catch {
    return false;
  }
}

/** One keep-alive connection with at most one request under way. */
class Connection {
  readonly #socket: Socket;
  readonly #onAnswer: (connection: Connection, complaint: string | undefined) => void;
  #rest: Buffer | undefined;
  #expected: ExpectedAnswer | undefined;
  /** When the request under way was due, by `performance.now()`. */
  dueAt = 0;
  closed = false;

  constructor(port: number, onAnswer: (connection: Connection, complaint: string | undefined) => void) {
    this.#onAnswer = onAnswer;
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(readBufferBytes),
        callback: (count, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, count));
          return true;
        },
      },
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.closed = true;
      if (this.#expected) this.#finish('the server closed the connection');
    });
  }

  async ready(): Promise<void> {
    await once(this.#socket, 'connect');
  }

  send(request: Buffer, expected: ExpectedAnswer, dueAt: number): void {
    this.dueAt = dueAt;
    this.#expected = expected;
    this.#socket.write(request);
  }

  end(): void {
    this.#socket.destroy();
  }

  #finish(complaint: string | undefined): void {
    this.#expected = undefined;
    this.#rest = undefined;
    this.#onAnswer(this, complaint);
  }

  #read(chunk: Buffer): void {
    const expected = this.#expected;
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    const headBytes = bytes.indexOf(headEnd);
    const head = headBytes === -1 ? undefined : bytes.toString('latin1', 0, headBytes);
    const length = head === undefined ? undefined : Number(/\ncontent-length: (\d+)/i.exec(head)?.[1]);
    const bodyStart = headBytes + headEnd.length;
    if (head === undefined || length === undefined || bytes.length < bodyStart + length) {
      // The read buffer is used again for the next chunk.
      this.#rest = this.#rest ? bytes : Buffer.from(bytes);
      return;
    }
    const body = bytes.subarray(bodyStart);
    if (!expected) this.end();
    else if (!head.startsWith('HTTP/1.1 200 ')) this.#finish(`${head.split('\r\n')[0]}: ${body.toString()}`);
    else if (!isRight(body, expected, /\ncontent-encoding: gzip/i.test(head)))
      this.#finish(describeMismatch(body, expected));
    else this.#finish(undefined);
  }
}

function findRequests(name: string): PreparedSet {
  const found = requestSets.get(name);
  if (!found) throw new Error(`there are no requests ${name}`);
  return found;
}

/** Runs one job; its clock starts when every connection is open. */
async function run(job: Job): Promise<LoadResult> {
  const requests = findRequests(job.requestSet);
  const answers = job.answers.map((value) => ({ value, bytes: Buffer.from(JSON.stringify(value)) }));
  const latency = createHistogram();
  const lateness = createHistogram();
  const idle: Connection[] = [];
  /** Due times of requests for which no connection was free. */
  const overdue: number[] = [];
  let next = 0;
  let underWay = 0;
  let answered = 0;
  let wrong = 0;
  let complaint: string | undefined;
  let sending = true;
  let lastAnswerAt = 0;
  const finished = Promise.withResolvers<void>();

  function send(connection: Connection, dueAt: number): void {
    const index = next % requests.size;
    const expected = answers[index % answers.length];
    if (!expected) throw new Error(`${job.requestSet} expects no answer`);
    next += 1;
    underWay += 1;
    connection.send(requests.bytesAt(index), expected, dueAt);
  }

  function nanoseconds(milliseconds: number): number {
    return Math.max(1, Math.round(milliseconds * 1e6));
  }

  function onAnswer(connection: Connection, trouble: string | undefined): void {
    const now = performance.now();
    lastAnswerAt = now;
    underWay -= 1;
    latency.record(nanoseconds(now - connection.dueAt));
    if (trouble === undefined) answered += 1;
    else {
      wrong += 1;
      complaint ??= trouble;
    }
    if (!connection.closed) {
      const due = overdue.shift();
      if (due !== undefined) send(connection, due);
      else if (sending && job.loop.kind === 'closed') send(connection, now);
      else idle.push(connection);
    }
    if (!sending && underWay === 0 && overdue.length === 0) finished.resolve();
  }

  const connections = Array.from({ length: job.connections }, () => new Connection(job.port, onAnswer));
  await Promise.all(connections.map((connection) => connection.ready()));

  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  if (job.loop.kind === 'closed') {
    for (const connection of connections) send(connection, performance.now());
    setTimeout(() => {
      sending = false;
      if (underWay === 0) finished.resolve();
    }, job.seconds * 1000);
  } else {
    idle.push(...connections);
    const everyMs = 1000 / job.loop.perSecond;
    const total = Math.round(job.seconds * job.loop.perSecond);
    let scheduled = 0;
    // Turns all the time instead of setting timers: those are a millisecond late, as late as the server is slow.
    const pump = () => {
      const now = performance.now();
      while (scheduled < total && start + scheduled * everyMs <= now) {
        const dueAt = start + scheduled * everyMs;
        scheduled += 1;
        if (scheduled === total) sending = false;
        lateness.record(nanoseconds(now - dueAt));
        const connection = idle.shift();
        if (connection) send(connection, dueAt);
        else overdue.push(dueAt);
      }
      if (scheduled < total) setImmediate(pump);
    };
    pump();
  }
  const giveUp = setTimeout(() => finished.resolve(), job.seconds * 1000 + patienceMs);
  await finished.promise;
  clearTimeout(giveUp);
  const cpu = process.cpuUsage(cpuBefore);
  const elapsedMs = lastAnswerAt - start;
  for (const connection of connections) connection.end();
  const missing = underWay + overdue.length;
  if (missing > 0) complaint ??= `${missing} requests were not answered within ${patienceMs} ms`;
  return {
    answered,
    wrong: wrong + missing,
    complaint,
    seconds: elapsedMs / 1000,
    p50Ms: latency.percentile(50) / 1e6,
    p99Ms: latency.percentile(99) / 1e6,
    sentLateP99Ms: lateness.percentile(99) / 1e6,
    generatorBusy: (cpu.user + cpu.system) / 1000 / elapsedMs,
  };
}

function reply(answer: LoadAnswer): void {
  process.send?.(answer);
}

process.on('message', (message: LoadRequest) => {
  if (message.kind === 'requests') {
    requestSets.set(message.set.name, new PreparedSet(message.set));
    return;
  }
  const { id } = message;
  run(message.job).then(
    (result) => reply({ id, result }),
    (error: unknown) => reply({ id, error: String(error) }),
  );
});
// Its parent is gone.
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group; the parent decides when it ends.
process.on('SIGINT', () => undefined);
