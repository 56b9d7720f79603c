import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { crc32 } from 'node:zlib';
import { formatCrc32 } from '@capgo-server/protocol/formats/checksum';
import { ObjectId } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildUpdateCheckBody, someAppId } from '../../testing/builders.ts';
import { dropDatabase, newDatabaseName, testMongoUrl, withDatabase } from '../../testing/mongo-database.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { buildZip } from '../../testing/zip-builder.ts';

const zip = buildZip({ 'index.html': '<!doctype html><title>older</title>' });
const crc = formatCrc32(crc32(zip));
const sha256 = createHash('sha256').update(zip).digest('hex');

describe.skipIf(testMongoUrl === '')(
  'a server over the MongoDB of an older one (needs TEST_MONGO_URL)',
  () => {
    const name = newDatabaseName();
    let storage: Server;
    let url: string;
    let server: TestServer;
    beforeAll(async () => {
      storage = createServer((_request, response) => response.end(zip));
      await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
      const address = storage.address();
      url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/bundles/1.0.1_xid.zip`;
      const [builtinId, activeId] = [new ObjectId(), new ObjectId()];
      const bundle = { description: '', crc_checksum: crc, signature: '', created_at: new Date() };
      await withDatabase(name, async (db) => {
        await db.collection('bundles').insertMany([
          { _id: builtinId, app_id: someAppId, version_name: '1.0.0', public_download_url: url, ...bundle },
          { _id: activeId, app_id: someAppId, version_name: '1.0.1', public_download_url: url, ...bundle },
        ]);
        await db.collection('releases').insertOne({
          ...{ platform: 'ios', app_id: someAppId, version_name: '1.0.0', version_code: '1' },
          ...{ released_date: null, builtin_bundle_id: builtinId, active_bundle_id: activeId },
          ...{ updated_at: new Date(), created_at: new Date() },
        });
      });
      server = await startTestServer({
        env: { DATABASE_URL: '', MONGO_CONNECTION_STRING: testMongoUrl, MONGO_DATABASE: name },
      });
    });
    afterAll(async () => {
      await server.close();
      storage.close();
      await dropDatabase(name);
    });

    async function check(pluginVersion: string): Promise<unknown> {
      const response = await fetch(`${server.userUrl}/updates`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(buildUpdateCheckBody({ plugin_version: pluginVersion })),
      });
      return response.json();
    }

    it('offers the same bundle from where it lies, with a SHA-256 as soon as that is computed', async () => {
      expect(await check('5.0.0')).toMatchObject({ version: '1.0.1', url, checksum: crc });
      expect(await check('8.45.11')).toMatchObject({ version: '1.0.1', url, checksum: '' });
      await server.product.jobs.find((job) => job.name === 'missing-checksums')?.run();
      expect(await check('5.0.0')).toMatchObject({ version: '1.0.1', url, checksum: crc });
      expect(await check('8.45.11')).toMatchObject({ version: '1.0.1', url, checksum: sha256 });
    });

    it('takes events and answers with them', async () => {
      const response = await fetch(`${server.userUrl}/stats`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...buildUpdateCheckBody({ version_name: '1.0.1' }), action: 'set' }),
      });
      expect(response.status).toBe(200);
      expect(await server.product.store.countDeviceEvents({ appId: someAppId, action: 'set' })).toBe(1);
    });
  },
);
