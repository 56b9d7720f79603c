import Fastify from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { addHealthRoutes, type Dependency } from './health.ts';

const reachable = (name: string): Dependency => ({ name, ping: async () => undefined });
const broken = (name: string): Dependency => ({
  name,
  ping: async () => {
    throw new Error('connect ECONNREFUSED 10.0.0.5:5432 password=secret');
  },
});
const hanging = (name: string): Dependency => ({ name, ping: () => new Promise(() => undefined) });

function serverWith(...dependencies: Dependency[]) {
  const server = Fastify();
  addHealthRoutes(server, dependencies);
  return server;
}

describe('/_healthz', () => {
  it('answers ok whatever state the dependencies are in', async () => {
    const answer = await serverWith(broken('database'), hanging('object storage')).inject('/_healthz');
    expect([answer.statusCode, answer.json()]).toStrictEqual([200, { status: 'ok' }]);
  });
});

describe('/_readyz', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('answers ok while everything is in reach', async () => {
    const answer = await serverWith(reachable('database'), reachable('object storage')).inject('/_readyz');
    expect([answer.statusCode, answer.json()]).toStrictEqual([200, { status: 'ok' }]);
    expect((await serverWith().inject('/_readyz')).statusCode).toBe(200);
  });

  it('answers 503 with the names of what is not, and nothing of why', async () => {
    const answer = await serverWith(broken('database'), reachable('object storage')).inject('/_readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(answer.json()).toMatchObject({ status: 'unavailable', failing: ['database'] });
    expect(answer.body).not.toMatch(/ECONNREFUSED|10\.0\.0\.5|secret/);
  });

  it('names everything that is out of reach', async () => {
    const answer = await serverWith(broken('database'), broken('object storage')).inject('/_readyz');
    expect(answer.json()).toMatchObject({ failing: ['database', 'object storage'] });
    expect(answer.json().error).toMatch(/database.*object storage/);
  });

  it('takes for out of reach what does not answer within two seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let isAnswered = false;
    const answering = (async () => {
      const answer = await serverWith(hanging('database'), reachable('object storage')).inject('/_readyz');
      isAnswered = true;
      return answer;
    })();
    await vi.waitUntil(() => vi.getTimerCount() > 0);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(isAnswered).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    const answer = await answering;
    expect([answer.statusCode, answer.json().failing]).toStrictEqual([503, ['database']]);
  });

  it('keeps no timer once it has answered', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await serverWith(reachable('database'), broken('object storage')).inject('/_readyz');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('answers anew each time', async () => {
    let isUp = false;
    const server = serverWith({
      name: 'database',
      async ping() {
        if (!isUp) throw new Error('down');
      },
    });
    expect((await server.inject('/_readyz')).statusCode).toBe(503);
    isUp = true;
    expect((await server.inject('/_readyz')).statusCode).toBe(200);
  });
});
