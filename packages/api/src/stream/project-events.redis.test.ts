import { once } from 'node:events';
import { connect } from 'node:net';
import { requires } from '@songmill/shared/testing/requires';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeCursor } from '../request/cursor.ts';
import { ASK, type ApiFixture, generationOf, KEY, startFixture } from '../testing/api-fixture.ts';
import { claim, publish } from '../testing/settle.ts';
import { type Frame, readSse, type SseReader } from '../testing/sse.ts';

interface EventPage {
  data: { id: string; object: string; type: string; timestamp: string; data: { id: string; status: string } }[];
  has_more: boolean;
  next_cursor: string | null;
}

describe('events of a project', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  let projects = 0;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  /** A project of its own, and requests with its key. */
  async function newProject(scopes = ['generate']) {
    projects += 1;
    const name = `project-${projects}`;
    const made = await fixture.post('/v1/api-keys', { name, project: name, scopes });
    const { key } = (await made.json()) as { key: string };
    const headers = { authorization: `Bearer ${key}` };
    const call = (path: string, init: RequestInit = {}) =>
      fixture.call(path, { ...init, headers: { ...headers, ...init.headers } });
    const post = (path: string, body: unknown) => fixture.post(path, body, headers);
    const newGeneration = async (ask: object = ASK) => (await generationOf(await post('/v1/generations', ask))).id;
    const cancel = (id: string) => post(`/v1/generations/${id}/cancel`, {});
    return { name, headers, call, post, newGeneration, cancel };
  }
  type Project = Awaited<ReturnType<typeof newProject>>;

  const page = async (from: Pick<Project, 'call'>, query = '') =>
    (await (await from.call(`/v1/events${query}`)).json()) as EventPage;
  const typesOf = ({ data }: EventPage) => data.map(({ type }) => type);

  async function open(from: Pick<Project, 'call'>, query = '', lastId?: string): Promise<SseReader> {
    const headers = { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
    return readSse(await from.call(`/v1/events${query}`, { headers }));
  }

  const told = (frame: Frame | null) => [frame?.event, frame?.body?.data['id']];

  describe('as a list', () => {
    it('nothing stands before the beginning of the stream', async () => {
      const project = await newProject();
      const after = writeCursor({ project: project.name, types: null }, '0-0');
      expect(await page(project, `?after=${after}`)).toEqual({ data: [], has_more: false, next_cursor: null });
    });

    it('newest first, each with the record as it was then', async () => {
      const project = await newProject();
      const id = await project.newGeneration();
      await project.cancel(id);
      const { data, has_more, next_cursor } = await page(project);
      expect([has_more, next_cursor]).toEqual([false, null]);
      expect(data.map(({ type, data: record }) => [type, record.id, record.status])).toEqual([
        ['generation.canceled', id, 'canceled'],
        ['generation.queued', id, 'queued'],
      ]);
      expect(data[0]).toMatchObject({ object: 'event', id: expect.stringMatching(/^\d+-\d+$/) });
    });

    it('page by page, bound to its filters', async () => {
      const project = await newProject();
      for (let i = 0; i < 5; i += 1) await project.cancel(await project.newGeneration());
      const seen: string[] = [];
      let query = '?limit=2&types=generation.canceled';
      for (;;) {
        const { data, next_cursor } = await page(project, query);
        expect(data.length).toBeLessThanOrEqual(2);
        seen.push(...data.map(({ id }) => id));
        if (next_cursor === null) break;
        query = `?limit=2&types=generation.canceled&after=${next_cursor}`;
      }
      expect([seen.length, new Set(seen).size]).toEqual([5, 5]);
      const cursor = /after=(.+)$/.exec(query)![1];
      expect((await project.call(`/v1/events?after=${cursor}`)).status).toBe(422);
    });

    it('a page looks at so many entries and no more, and says where to go on', async () => {
      const project = await newProject();
      const id = await project.newGeneration();
      const pipeline = fixture.store.redis.pipeline();
      for (let i = 0; i < 1200; i += 1) pipeline.xadd(fixture.store.keys.events, '*', 'type', 'x', 'project', 'none');
      await pipeline.exec();
      const first = await page(project);
      expect([first.data, first.has_more]).toEqual([[], true]);
      const second = await page(project, `?after=${first.next_cursor}`);
      expect(second.data.map(({ data }) => data.id)).toEqual([id]);
    });

    it('its own project only, unless the key may operate', async () => {
      const [mine, theirs, operator] = [await newProject(), await newProject(), await newProject(['operate'])];
      await mine.newGeneration();
      expect((await page(theirs)).data).toEqual([]);
      expect(typesOf(await page(operator, `?project=${mine.name}`))).toEqual(['generation.queued']);
      expect(typesOf(await page(operator, '?limit=1'))).toEqual(['generation.queued']);
      await fixture.post('/v1/queues/generate/pause', { reason: 'lunch' });
      await fixture.post('/v1/queues/generate/resume', {});
      expect((await page(operator, '?limit=2')).data).toMatchObject([
        { type: 'queue.resumed', data: { name: 'generate' } },
        { type: 'queue.paused', data: { name: 'generate', reason: 'lunch' } },
      ]);
      expect(typesOf(await page(mine))).toEqual(['generation.queued']);
      expect((await mine.call(`/v1/events?project=${theirs.name}`)).status).toBe(422);
    });

    it('types that do not exist, empty ones and strange cursors are named', async () => {
      const project = await newProject();
      for (const query of ['?types=generation.done', '?types=', '?limit=0', '?after=abc', '?from=1']) {
        expect((await project.call(`/v1/events${query}`)).status, query).toBe(422);
      }
      const stream = { headers: { accept: 'text/event-stream' } };
      expect((await project.call('/v1/events?limit=5', stream)).status).toBe(422);
      expect((await project.call('/v1/events', { headers: { authorization: 'Bearer no' } })).status).toBe(401);
    });

    it('references and webhook endpoints are told with their records, and secrets with none', async () => {
      const project = await newProject();
      const { redis, keys } = fixture.store;
      const event = (type: string, id: string) =>
        redis.xadd(keys.events, '*', 'type', type, 'id', id, 'project', project.name);
      const common = { project: project.name, created_at: Date.now() };
      await redis.hset(keys.reference('ref_1'), { ...common, status: 'succeeded', voice_id: 'v-1' });
      await redis.hset(`${keys.root}ep:whe_1`, { ...common, url: 'https://a.example', secret: 'whsec_x' });
      await event('reference.succeeded', 'ref_1');
      await event('endpoint.disabled', 'whe_1');
      const { data } = await page(project);
      expect(data).toMatchObject([
        { type: 'endpoint.disabled', data: { id: 'whe_1', url: 'https://a.example' } },
        { type: 'reference.succeeded', data: { id: 'ref_1', voice_id: 'v-1' } },
      ]);
      expect(JSON.stringify(data)).not.toContain('whsec_');
    });

    it('what was deleted is told no more', async () => {
      const project = await newProject();
      const id = await project.newGeneration();
      await project.cancel(id);
      expect((await project.call(`/v1/generations/${id}`, { method: 'DELETE' })).status).toBe(204);
      expect((await page(project)).data).toEqual([]);
    });
  });

  describe('as a stream', () => {
    it('says first from where on, then what happens in this project and is asked for', async () => {
      const [project, other] = [await newProject(), await newProject()];
      await project.newGeneration();
      const all = await open(project);
      expect(all.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      expect(await all.frame()).toMatchObject({ retry: '3000' });
      expect(await all.frame()).toMatchObject({ event: null, body: null, id: expect.stringMatching(/^\d+-\d+$/) });
      const ends = await open(project, '?types=generation.canceled,generation.succeeded');
      await ends.frame();
      await ends.frame();
      const elsewhere = await other.newGeneration();
      const id = await project.newGeneration();
      await project.cancel(id);
      await other.cancel(elsewhere);
      expect(told(await all.next())).toEqual(['generation.queued', id]);
      expect(told(await all.next())).toEqual(['generation.canceled', id]);
      expect(told(await ends.next())).toEqual(['generation.canceled', id]);
      await Promise.all([all.close(), ends.close()]);
    });

    it('goes on after the last id, through another process too, and misses and repeats nothing', async () => {
      const project = await newProject();
      const other = await fixture.another();
      const headers = { ...project.headers, accept: 'text/event-stream' };
      const stream = readSse(await fetch(`${other.url}/v1/events`, { headers }));
      await stream.frame();
      await stream.frame();
      const ids = [await project.newGeneration()];
      expect(told(await stream.next())).toEqual(['generation.queued', ids[0]]);
      await other.stop();
      expect(await stream.rest()).toEqual([]);
      // More than one page of the log.
      for (let i = 0; i < 250; i += 1) ids.push(await project.newGeneration());
      const resumed = await open(project, '', stream.lastId()!);
      ids.push(await project.newGeneration());
      for (const id of ids.slice(1)) expect(told(await resumed.next())).toEqual(['generation.queued', id]);
      const record = await project.cancel(ids[0]!);
      expect(record.status).toBe(200);
      expect(told(await resumed.next())).toEqual(['generation.canceled', ids[0]]);
      await resumed.close();
    });

    it('an id that is not kept, or not one of ours, gives a reset and what happens from then on', async () => {
      const project = await newProject();
      await project.newGeneration();
      for (const lastId of ['1-1', '99999999999999-0', 'abc']) {
        const stream = await open(project, '', lastId);
        const reset = await stream.next();
        expect(reset, lastId).toMatchObject({ event: 'reset', body: { type: 'reset', data: {} } });
        expect(reset!.id).toMatch(/^\d+-\d+$/);
        const id = await project.newGeneration();
        expect(told(await stream.next())).toEqual(['generation.queued', id]);
        await stream.close();
      }
    });

    it('HEAD answers the headers at once', async () => {
      const project = await newProject();
      const head = await project.call('/v1/events', { method: 'HEAD', headers: { accept: 'text/event-stream' } });
      expect([head.status, await head.text()]).toEqual([200, '']);
    });

    it('fault: a reader that stops reading is told the rest once it reads again, and delays nobody', async () => {
      const project = await newProject();
      const slow = connect(Number(new URL(fixture.api.url).port), '127.0.0.1');
      slow.write(
        `GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: ${project.headers.authorization}\r\n\r\n`,
      );
      const [head] = (await once(slow, 'data')) as [Buffer];
      slow.pause();
      const quick = await open(project);
      await quick.frame();
      await quick.frame();
      // Far more than the buffers between two sockets hold.
      const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, 'x'.repeat(512)]));
      const ids: string[] = [];
      for (let i = 0; i < 1200; i += 1) {
        ids.push(await project.newGeneration({ ...ASK, metadata }));
        expect(told(await quick.next())).toEqual(['generation.queued', ids.at(-1)]);
      }
      await quick.close();
      let text = head.toString();
      slow.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1');
      });
      slow.resume();
      await expect.poll(() => text.includes(`"id":"${ids.at(-1)}"`), { timeout: 60_000 }).toBe(true);
      slow.destroy();
      const heard = [
        ...text.matchAll(/^data: \{"type":"generation.queued","timestamp":"[^"]+","data":\{"id":"(\w+)"/gm),
      ];
      expect(heard.map(([, id]) => id)).toEqual(ids);
    });
  });
});

describe('the cost of streams', requires('redis-server|valkey-server'), () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await startFixture();
  });
  afterAll(async () => fixture?.stop());

  /** How often Redis ran each command so far. */
  async function commandCounts(): Promise<Map<string, number>> {
    const info = await fixture.store.redis.info('commandstats');
    return new Map(
      [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name!, Number(calls)]),
    );
  }
  async function commandsDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await commandCounts();
    await work();
    const after = await commandCounts();
    const all = [...after].map(([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const);
    // Others look after Redis itself, now and then.
    const reads = ['xread', 'xrange', 'xrevrange', 'hgetall', 'hmget'];
    return Object.fromEntries(all.filter(([name, calls]) => calls > 0 && reads.includes(name)));
  }
  const seconds = (count: number) => new Promise((resolve) => setTimeout(resolve, count * 1000));

  it('while nobody listens the events are not read', async () => {
    await seconds(2.5);
    const during = await commandsDuring(() => seconds(2.5));
    expect(Object.keys(during)).not.toContain('xread');
  });

  it('1,000 listeners add no command to what one costs', async () => {
    const { id } = await generationOf(await fixture.post('/v1/generations', ASK));
    const paths = [`/v1/generations/${id}/events`, '/v1/events'];
    const listen = async (count: number) => {
      const asks = Array.from({ length: count }, (_, i) =>
        fixture.call(paths[i % 2]!, { headers: { accept: 'text/event-stream' } }),
      );
      const streams = (await Promise.all(asks)).map(readSse);
      await Promise.all(streams.map((stream) => stream.frame()));
      await Promise.all(streams.map((stream) => stream.frame()));
      await expect.poll(() => fixture.api.waiting(), { timeout: 60_000 }).toBe(count);
      return streams;
    };
    const few = await listen(2);
    const idle = async () => {
      const { xread = 0, ...others } = await commandsDuring(() => seconds(2.5));
      expect(xread).toBeLessThanOrEqual(3);
      return others;
    };
    const tell = async (streams: SseReader[]) => {
      const { xread = 0, ...others } = await commandsDuring(async () => {
        await fixture.store.redis.eval(
          "redis.call('HSET', KEYS[1], 'h:' .. redis.call('HINCRBY', KEYS[1], 'sequence', 1), 'queued|1|' .. ARGV[1])" +
            " redis.call('XADD', KEYS[2], '*', 'type', 'generation.queued', 'id', ARGV[2], 'project', 'default', 'status', 'queued'," +
            " 'sequence', redis.call('HGET', KEYS[1], 'sequence'))",
          ...[2, fixture.store.keys.generation(id), fixture.store.keys.events, Date.now(), id],
        );
        for (const frame of await Promise.all(streams.map((stream) => stream.next()))) {
          expect(frame?.event).toBe('generation.queued');
        }
      });
      expect(xread).toBeLessThanOrEqual(3);
      return others;
    };
    // What looks after Redis now and then may fall into a count; a command per listener would be hundreds.
    const NOW_AND_THEN = 5;
    const total = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);
    const [restOfFew, newsOfFew] = [total(await idle()), total(await tell(few))];
    await Promise.all(few.map((stream) => stream.close()));
    await expect.poll(() => fixture.api.waiting(), { timeout: 60_000 }).toBe(0);
    const many = await listen(1000);
    expect(total(await idle())).toBeLessThanOrEqual(restOfFew + NOW_AND_THEN);
    expect(total(await tell(many))).toBeLessThanOrEqual(newsOfFew + NOW_AND_THEN);
    await Promise.all(many.map((stream) => stream.close()));
  });

  it('fault: streams go on through the loss of Redis', async () => {
    const own = await startFixture();
    try {
      const { id } = await generationOf(await own.post('/v1/generations', ASK));
      const headers = { authorization: `Bearer ${KEY}`, accept: 'text/event-stream' };
      const one = readSse(await fetch(`${own.api.url}/v1/generations/${id}/events`, { headers }));
      const all = readSse(await fetch(`${own.api.url}/v1/events`, { headers }));
      await one.next();
      await all.frame();
      await all.frame();
      // SIGTERM, so that Redis writes its log to the end: this test is about us, not about `everysec`.
      await own.redis.kill('SIGTERM');
      await own.redis.restart();
      await expect.poll(() => own.store.redis.status, { timeout: 20_000 }).toBe('ready');
      await claim(own, id);
      await publish(own, id, Buffer.from('song'));
      expect((await one.rest()).map(({ event }) => event)).toEqual(['generation.processing', 'generation.succeeded']);
      expect((await all.next())?.event).toBe('generation.processing');
      expect((await all.next())?.event).toBe('generation.succeeded');
      await all.close();
    } finally {
      await own.stop();
    }
  });
});
