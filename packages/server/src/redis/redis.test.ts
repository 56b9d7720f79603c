import { randomUUID } from 'node:crypto';
import { createClient } from '@redis/client';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeRequestLimits } from '../http/contract/request-limits-contract.ts';
import { fallingBack } from '../http/falling-back.ts';
import { createNodeLimits } from '../http/node-limits.ts';
import { sparing } from '../persistence/sparing-hints.ts';
import { systemClock } from '../ports/clock.ts';
import { createRedisServer, needsTestRedis, testRedisUrl } from '../testing/redis-server.ts';
import { openRedis } from './open-redis.ts';

// Also for what is shared: on a busy machine a node may have fallen back for a second.
const soon = { timeout: 10_000, interval: 10 };
const fellBackAndReturned = /^(limits_per_node limits_shared ?)+$/;

async function open(url: string) {
  const redis = await openRedis(url);
  onTestFinished(() => redis.close());
  return redis;
}

describe.skipIf(testRedisUrl === '')(`what nodes share through Redis${needsTestRedis}`, () => {
  describeRequestLimits('in Redis', async () => (await openRedis(testRedisUrl)).limits);

  async function openNode(url: string) {
    const log: { event: string; reason?: string }[] = [];
    const redis = await open(url);
    const limits = fallingBack({
      shared: redis.limits,
      ofThisNode: createNodeLimits(systemClock),
      logger: pino({}, { write: (line) => log.push(JSON.parse(line)) }),
    });
    onTestFinished(() => limits.close());
    const updates = limits.refilling({ name: 'updates', perMinute: 5 });
    const events = () => log.map(({ event }) => event).join(' ');
    return { redis, limits, log, events, passing: (key: string, requests: number) => passing(key, requests) };

    async function passing(key: string, requests: number) {
      const waits = Array.from({ length: requests }, () => updates.take(key));
      return (await Promise.all(waits)).filter((waitMs) => waitMs === 0).length;
    }
  }

  type Node = Awaited<ReturnType<typeof openNode>>;
  const shareSoon = (a: Node, b: Node) =>
    vi.waitFor(async () => {
      const key = randomUUID();
      expect([await a.passing(key, 3), await b.passing(key, 9)]).toEqual([3, 2]);
    }, soon);

  it('are limits that let no more pass on two nodes at once than on one', async () => {
    const nodes = [await openNode(testRedisUrl), await openNode(testRedisUrl)];
    await vi.waitFor(async () => {
      const key = randomUUID();
      const [a = 0, b = 0] = await Promise.all(nodes.map((node) => node.passing(key, 20)));
      expect(a + b).toBe(5);
    }, soon);
  });

  it('are keys with our prefix, each with an end', async () => {
    const { limits } = await open(testRedisUrl);
    const client = createClient({ url: testRedisUrl });
    await client.connect();
    onTestFinished(() => client.destroy());
    const key = randomUUID();
    await limits.refilling({ name: 'updates', perMinute: 100 }).take(key);
    const window = limits.windowed({ name: 'window', max: 5, windowMs: 60_000 });
    for (let request = 0; request < 3; request += 1) await window.record(key);
    const keys = await client.keys(`*${key}`);
    expect(keys.sort()).toEqual([`capgo-server:limit:updates:${key}`, `capgo-server:limit:window:${key}`]);
    for (const each of keys) {
      const ttlMs = await client.pTTL(each);
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(60_000);
    }
  });

  it('are hints that reach the others, of the same database, and not who announced', async () => {
    const [a, b] = [await open(`${testRedisUrl}/3`), await open(`${testRedisUrl}/3`)];
    const elsewhere = await open(`${testRedisUrl}/4`);
    const heard: string[] = [];
    a.hints.onHint(() => heard.push('a'));
    b.hints.onHint(() => heard.push('b'));
    elsewhere.hints.onHint(() => heard.push('elsewhere'));
    // The first may come before the subscription.
    await vi.waitFor(() => {
      a.hints.announce();
      expect(heard).toContain('b');
    }, soon);
    heard.length = 0;
    b.hints.announce();
    await vi.waitFor(() => expect(heard).toContain('a'), soon);
    expect(new Set(heard)).not.toContain('elsewhere');
    await a.hints.close();
    const c = await open(`${testRedisUrl}/3`);
    heard.length = 0;
    await vi.waitFor(() => {
      c.hints.announce();
      expect(heard).toContain('b');
    }, soon);
    expect(heard).not.toContain('a');
  });

  it('are few hints however many changes there are, and one after the last', async () => {
    const [a, b] = [await open(testRedisUrl), await open(testRedisUrl)];
    const hints = sparing(a.hints);
    const heardAtMs: number[] = [];
    b.hints.onHint(() => heardAtMs.push(performance.now()));
    await vi.waitFor(() => {
      hints.announce();
      expect(heardAtMs.length).toBeGreaterThan(0);
    }, soon);
    heardAtMs.length = 0;
    const start = performance.now();
    while (performance.now() - start < 300) {
      hints.announce();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const lastAtMs = performance.now();
    await vi.waitFor(() => expect(heardAtMs.at(-1)).toBeGreaterThan(lastAtMs), soon);
    expect(heardAtMs.length).toBeLessThan(12);
  });

  it('is counted by each node for itself while Redis is stopped, and shared again when it is back', async () => {
    const server = await createRedisServer();
    await server.start();
    onTestFinished(() => server.stop());
    const [a, b] = [await openNode(server.url), await openNode(server.url)];
    await shareSoon(a, b);
    const heard: string[] = [];
    b.redis.hints.onHint(() => heard.push('b'));

    await server.stop();
    expect([await a.passing('meanwhile', 9), await b.passing('meanwhile', 9)]).toEqual([5, 5]);
    a.redis.hints.announce();

    await server.start();
    await shareSoon(a, b);
    for (const node of [a, b]) expect(node.events()).toMatch(fellBackAndReturned);
    await vi.waitFor(() => {
      a.redis.hints.announce();
      expect(heard.length).toBeGreaterThan(0);
    }, soon);
  });

  it('holds up no request for more than a tenth of a second when Redis says nothing more', async () => {
    const server = await createRedisServer();
    await server.start();
    onTestFinished(() => server.stop());
    const node = await openNode(server.url);
    expect(await node.passing('before', 1)).toBe(1);
    server.freeze();
    const start = performance.now();
    expect(await node.passing('meanwhile', 9)).toBe(5);
    expect(await node.passing('meanwhile', 9)).toBe(0);
    // What is over the tenth of a second is for a machine that is busy with other tests.
    expect(performance.now() - start).toBeLessThan(150);
    server.thaw();
    await vi.waitFor(() => expect(node.events()).toMatch(fellBackAndReturned), soon);
  });

  it('gives up a connection on which nothing is said for seconds', { timeout: 30_000 }, async () => {
    const server = await createRedisServer();
    await server.start();
    onTestFinished(() => server.stop());
    const node = await openNode(server.url);
    const client = createClient({ url: server.url });
    await client.connect();
    onTestFinished(() => client.destroy());
    const connections = async () => {
      const list = await client.sendCommand<string>(['CLIENT', 'LIST']);
      return [...list.matchAll(/ addr=(\S+) .* name=capgo-server /g)].map(([, address]) => address);
    };
    const before = await connections();
    server.freeze();
    const start = performance.now();
    await node.passing('meanwhile', 1);
    await vi.waitFor(() => expect(performance.now() - start).toBeGreaterThan(7_000), {
      timeout: 10_000,
      interval: 200,
    });
    server.thaw();
    await vi.waitFor(() => expect(node.events()).toMatch(fellBackAndReturned), soon);
    const after = await connections();
    expect([before.length, after.length]).toEqual([1, 1]);
    expect(after).not.toEqual(before);
  });

  it('does not need a Redis at the start, and is used when it comes', async () => {
    const server = await createRedisServer();
    onTestFinished(() => server.stop());
    const start = performance.now();
    const node = await openNode(server.url);
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(await node.passing('key', 9)).toBe(5);
    await server.start();
    await vi.waitFor(() => expect(node.events()).toMatch(fellBackAndReturned), soon);
  });

  it('says why it cannot be used, and no password', async () => {
    const server = await createRedisServer('--requirepass', 'right');
    await server.start();
    onTestFinished(() => server.stop());
    const node = await openNode(server.url.replace('//', '//:hunter2@'));
    await vi.waitFor(() => expect(node.log[0]?.reason).toMatch(/WRONGPASS/), soon);
    expect(JSON.stringify(node.log)).not.toContain('hunter2');
  });

  it('needs no other rights than the documented ones', async () => {
    const server = await createRedisServer();
    await server.start();
    onTestFinished(() => server.stop());
    const admin = createClient({ url: server.url });
    await admin.connect();
    onTestFinished(() => admin.destroy());
    const commands = 'eval evalsha get set incr pexpire pttl time ping publish subscribe select'.split(' ');
    const rights = commands.map((command) => `+${command}`);
    const places = ['~capgo-server:*', '&capgo-server:*'];
    await admin.sendCommand(['ACL', 'SETUSER', 'capgo', 'on', '>p@ss', ...places, '-@all', ...rights]);
    const url = `${server.url.replace('//', '//capgo:p%40ss@')}/1`;
    const [a, b] = [await openNode(url), await openNode(url)];
    await shareSoon(a, b);
    const heard: string[] = [];
    b.redis.hints.onHint(() => heard.push('b'));
    await vi.waitFor(() => {
      a.redis.hints.announce();
      expect(heard).toContain('b');
    }, soon);
  });

  it('is not used when it is full or read-only, although it answers', async () => {
    const server = await createRedisServer('--maxmemory', '1', '--maxmemory-policy', 'noeviction');
    await server.start();
    onTestFinished(() => server.stop());
    const node = await openNode(server.url);
    await vi.waitFor(() => expect(node.events()).toContain('limits_per_node'), soon);
    expect(node.log[0]?.reason).toContain('OOM');
    expect(await node.passing('key', 9)).toBe(5);
  });
});
