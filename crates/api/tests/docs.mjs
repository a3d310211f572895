// Opens /docs of a service in Chromium, as somebody who gives a key when the browser asks for it, and then by its Authorize button.
// Arguments: the service's address, a key to read hiring. EXTRATO_TEST_NODE_MODULES and EXTRATO_TEST_CHROMIUM as for reports.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const need = createRequire(path.join(process.env.EXTRATO_TEST_NODE_MODULES, 'x.js'));
const { chromium } = need('playwright-core');
const axe = fs.readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
const [address, key] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.EXTRATO_TEST_CHROMIUM, args: ['--no-sandbox'] });

/** What axe-core finds wrong with Swagger UI itself, whose markup is not ours: a heading that skips a level, buttons within buttons, a head
 * outside of the page's landmarks. */
const OF_SWAGGER_UI = ['heading-order', 'nested-interactive', 'region'];

for (const width of [1280, 390]) {
  const context = await browser.newContext({ httpCredentials: { username: 'anybody', password: key }, viewport: { width, height: 900 } });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('request', (request) => !request.url().startsWith(`${address}/`) && !request.url().startsWith('data:') && wrong.push(request.url()));
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(`${address}/docs`);
  const operation = page.locator('.opblock').filter({ has: page.locator('[data-path="/v1/hiring/jobs"]') });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByText('Rows of hiring.jobs').first().waitFor();

  // The browser knows the key.
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByPlaceholder('limit').fill('2');
  const asked = async () => {
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.url().startsWith(`${address}/v1/hiring/jobs?`)),
      operation.getByRole('button', { name: 'Execute' }).click(),
    ]);
    assert.equal(answer.status(), 200, answer.url());
    assert.equal((await answer.json()).rows.length, 2);
    return answer.request().allHeaders();
  };
  await asked();
  await operation.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();

  // So does the page, once it is told.
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const dialog = page.locator('.dialog-ux');
  await dialog.locator('input[aria-label="auth-bearer-value"]').fill(key);
  await dialog.getByRole('button', { name: /apply credentials|authorize/i }).last().click();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  assert.equal((await asked()).authorization, `Bearer ${key}`);

  if (process.env.EXTRATO_TEST_PICTURES) await page.screenshot({ path: path.join(process.env.EXTRATO_TEST_PICTURES, `docs-${width}.png`) });
  assert.deepEqual(wrong, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);

  // axe-core's own script is no part of the page: for it alone the policy does not hold.
  const other = await browser.newPage({ bypassCSP: true, httpCredentials: { username: 'anybody', password: key }, viewport: { width, height: 900 } });
  await other.goto(`${address}/docs`);
  await other.locator('.opblock').first().waitFor();
  await other.addScriptTag({ content: axe });
  const { violations } = await other.evaluate(() => window.axe.run());
  const ours = violations.filter(({ id }) => !OF_SWAGGER_UI.includes(id));
  assert.deepEqual(ours.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]), []);
  console.log(`${width}: fine, but for ${violations.map(({ id }) => id).join(', ')}`);
}
await browser.close();
