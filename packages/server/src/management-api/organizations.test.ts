import { afterAll, describe, expect, it } from 'vitest';
import { defaultOrganizationId } from '../domain/organization.ts';
import { askRest, callerOf, serveRoutesTo } from '../testing/rest-client.ts';
import { startTestServer } from '../testing/test-server.ts';
import { organizationRoutes } from './organizations.ts';

const server = await startTestServer();
afterAll(() => server.close());
const path = '/api/v1/organizations.list';

describe('the list of organizations', () => {
  it('tells the rules as they are, which a change may have made others', async () => {
    const rules = {
      ...{ require_apikey_expiration: true, max_apikey_expiration_days: 90 },
      ...{ enforce_encrypted_bundles: true, required_encryption_key: 'MIIBCgKCAQEAwBf1Ya3T' },
    };
    const before = await askRest(server.managementUrl, { path });
    expect(before.body.data).toEqual([
      expect.objectContaining({
        ...{ id: defaultOrganizationId, is_default: true },
        ...{ require_apikey_expiration: false, max_apikey_expiration_days: null },
        ...{ enforce_encrypted_bundles: false, required_encryption_key: null },
      }),
    ]);
    const change = { orgId: defaultOrganizationId, name: 'Acme', ...rules };
    await askRest(server.managementUrl, { method: 'PUT', path: '/organization', body: change });
    const after = await askRest(server.managementUrl, { path });
    expect(after.body.data[0]).toMatchObject({ name: 'Acme', ...rules });
  });

  it('has for a key of some apps only what concerns it', async () => {
    const founded = await askRest(server.managementUrl, {
      ...{ method: 'POST', path: '/organization', body: { name: 'Another' } },
    });
    const idsFor = async (apps: readonly string[] | null) => {
      const routes = organizationRoutes(server.product.services);
      const { url, close } = await serveRoutesTo(callerOf('read', apps), routes);
      const { body } = await askRest(url, { path });
      await close();
      return body.data.map(({ id }: { id: string }) => id);
    };
    expect(await idsFor(null)).toEqual([defaultOrganizationId, founded.body.id]);
    expect(await idsFor(['com.example.app'])).toEqual([defaultOrganizationId]);
  });
});
