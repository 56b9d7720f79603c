import type { Buffer } from 'node:buffer';
import { buildActor, buildUpdateCheckBody } from './builders.ts';
import type { PhoneUpdate } from './phone.ts';
import { bundleForm, type TestServer, testToken } from './test-server.ts';

/** What tests of manifests do with a server. */
export function usersOf(server: TestServer) {
  async function manage(
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${server.managementUrl}/api/v1/${path}`, {
      headers: { 'x-api-key': testToken, 'content-type': 'application/json' },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  const job = (name: string) => {
    const found = server.product.jobs.find((each) => each.name === name);
    if (!found) throw new Error(`There is no job ${name}`);
    return found.run();
  };

  return {
    manage,
    job,
    /** Uploads a zip; answers the bundle. */
    async upload(appId: string, versionName: string, zip: Buffer, fields: Record<string, string> = {}) {
      const form = { app_id: appId, version_name: versionName, ...fields };
      const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
        method: 'POST',
        headers: { 'x-api-key': testToken },
        body: bundleForm(form, new Uint8Array(zip)),
      });
      const body = (await response.json()) as { bundle: { id: string } };
      if (response.status !== 200) throw new Error(`The upload answered ${JSON.stringify(body)}`);
      return body.bundle;
    },
    /** Makes every manifest that is pending. */
    buildManifests: () => job('manifests'),
    /** A channel that gives the bundle to every device that asks. */
    async serve(appId: string, bundleId: string): Promise<number> {
      const { channels } = server.product.services;
      const known = (await channels.list(appId))[0];
      const { id } =
        known ?? (await channels.create({ appId, name: 'production', isPublic: true }, buildActor()));
      await channels.setBundle(id, bundleId, buildActor());
      return id;
    },
    async check(appId: string, given: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
      const response = await fetch(`${server.userUrl}/updates`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(buildUpdateCheckBody({ app_id: appId, ...given })),
      });
      return { response, answer: (await response.json()) as PhoneUpdate & Record<string, unknown> };
    },
    async status(bundleId: string): Promise<readonly [unknown, unknown]> {
      const { body } = await manage(`bundles.manifest?bundle_id=${bundleId}`);
      return [body['manifest_state'], body['manifest_reason']];
    },
  };
}
