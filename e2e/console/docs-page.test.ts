import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';

describe.skipIf(noChromium)(
  `the page of the API's documentation${noChromium ? ` (${noChromium})` : ''}`,
  () => {
    let server: RunningServer;
    let operator: Operator;
    beforeAll(async () => {
      server = await startServer();
      operator = await startOperator(server.managementUrl);
    });
    afterAll(async () => {
      await operator?.close();
      await closeBrowser();
      await server?.stop();
    });

    it('renders every document under its own policy, and asks nobody else', async () => {
      const { page, url } = operator;
      const refused: string[] = [];
      const elsewhere: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') refused.push(message.text());
      });
      page.on('pageerror', (error) => refused.push(String(error)));
      page.on('request', (request) => {
        if (!request.url().startsWith(`${url}/`) && !request.url().startsWith('data:'))
          elsewhere.push(request.url());
      });
      await page.goto(`${url}/docs`);
      const choice = page.locator('#select');
      await choice.waitFor();
      const documents = await choice.locator('option').allInnerTexts();
      expect(documents).toHaveLength(3);
      for (const name of documents) {
        await choice.selectOption({ label: name });
        await page.locator('.opblock').first().waitFor();
      }
      await page.locator('.opblock-summary-control').first().click();
      await page.locator('.opblock-body').first().waitFor();
      // Swagger UI wants one style inline. The page is whole without it; a refused script would be another matter.
      expect(refused.filter((text) => !text.startsWith('Applying inline style'))).toEqual([]);
      expect(elsewhere).toEqual([]);
    });
  },
);
