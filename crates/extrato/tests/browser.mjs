// Opens reports in Chromium, light, dark and as wide as a phone, and holds what it shows against DATASET.json, which has the rows of each
// model as Postgres gives them. EXTRATO_TEST_NODE_MODULES has playwright-core and axe-core, EXTRATO_TEST_CHROMIUM is the browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const need = createRequire(path.join(process.env.EXTRATO_TEST_NODE_MODULES, 'x.js'));
const { chromium } = need('playwright-core');
const axe = fs.readFileSync(need.resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({ executablePath: process.env.EXTRATO_TEST_CHROMIUM, args: ['--no-sandbox'] });
const views = [['light', 1280], ['dark', 1280], ['light', 390]];

/** A page without an error, a violation of its policy or a request. */
async function opened(dataset, colorScheme, width) {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, acceptDownloads: true });
  const page = await context.newPage();
  const wrong = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('request', (request) => !/^(file|data|blob):/.test(request.url()) && wrong.push(request.url()));
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(`file://${path.resolve(dataset)}.html`);
  await page.waitForSelector('section.card table tbody tr');
  return { page, context, wrong };
}

const texts = (locator) => locator.evaluateAll((cells) => cells.map((cell) => (cell.classList.contains('null') ? null : cell.textContent.replace('\u2212', '-'))));

/** CSV as extrato writes it, as rows. */
function parsed(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\n]*))(,|\n)/g)) {
    rows.at(-1).push(quoted === undefined ? (plain === '' ? null : plain) : quoted.replaceAll('""', '"'));
    if (end === '\n') rows.push([]);
  }
  rows.pop();
  return rows;
}

const inOrder = (rows) => rows.map((row) => JSON.stringify(row)).sort();
const asPostgres = (rows) => rows.map((row) => row.map((value) => value?.replace(/^(\d{4}-\d\d-\d\d)T(?=\d\d:)/, '$1 ') ?? null));

async function downloaded(page, card, name) {
  const [download] = await Promise.all([page.waitForEvent('download'), card.getByRole('button', { name }).click()]);
  return parsed(fs.readFileSync(await download.path(), 'utf8'));
}

/** Sorts, filters and pages one model's card, and compares with the rows of Postgres. */
async function tried(page, name, expected) {
  const card = page.locator(`#model-${name}`);
  const [header, ...rows] = await downloaded(page, card, 'CSV of all');
  assert.equal(rows.length, expected.length, name);
  assert.deepEqual(inOrder(asPostgres(rows)), inOrder(expected), name);
  const first = await texts(card.locator('tbody tr').first().locator('td'));
  assert.deepEqual(first, rows[0], `${name}: the first row`);
  if (rows.length < 2) return;

  // By the last column, with the keyboard: the greatest first, then the least, then as it was.
  const at = header.length - 1;
  const button = card.locator('th button').nth(at);
  const numbers = rows.map((row) => row[at]).filter((value) => value !== null);
  assert.ok(numbers.every((value) => /^-?\d+(\.\d+)?$/.test(value)), `${name}: the last column is a number`);
  const whole = (value) => BigInt(value.replace('.', ''));
  const sorted = [...numbers].sort((a, b) => (whole(a) < whole(b) ? -1 : whole(a) > whole(b) ? 1 : 0));
  for (const [order, wanted] of [['descending', sorted.at(-1)], ['ascending', sorted[0]], [null, rows[0][at]]]) {
    await button.focus();
    await page.keyboard.press('Enter');
    assert.equal(await card.locator('th').nth(at).getAttribute('aria-sort'), order, name);
    assert.deepEqual(await texts(card.locator(`tbody tr:first-child td:nth-child(${at + 1})`)), [wanted], `${name}: ${order}`);
    assert.ok(await button.evaluate((element) => element === document.activeElement), `${name}: the focus stays`);
  }

  // By a text of the middle row; the URL keeps it, and the CSV has what is shown.
  const word = rows[Math.floor(rows.length / 2)].find((value) => value)?.split(' ')[0];
  const folded = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  const matching = rows.filter((row) => folded(row.map((value) => value ?? '').join('\u0001')).includes(folded(word)));
  await card.getByLabel('Filter rows').fill(word);
  const [, ...found] = await downloaded(page, card, 'CSV of what is shown');
  assert.deepEqual(inOrder(found), inOrder(matching), `${name}: filtered by ${word}`);
  assert.ok(new URL(page.url()).hash.includes(`${name}.q=`), page.url());
  await page.reload();
  assert.equal(await card.getByLabel('Filter rows').inputValue(), word);
  await card.getByRole('button', { name: 'Reset' }).click();
  assert.ok(!page.url().includes(`${name}.`), page.url());

  const next = card.getByRole('button', { name: 'Next rows' });
  if (rows.length > 12) {
    await next.click();
    assert.deepEqual(await texts(card.locator('tbody tr').first().locator('td')), rows[12], `${name}: the second page`);
  }
}

for (const dataset of process.argv.slice(2)) {
  const expected = JSON.parse(fs.readFileSync(`${dataset}.json`, 'utf8'));
  let charts = 0;
  for (const [scheme, width] of views) {
    const { page, context, wrong } = await opened(dataset, scheme, width);
    for (const [name, rows] of Object.entries(expected)) {
      if (scheme === 'light' && width > 1000) await tried(page, name, rows);
      const figure = page.locator(`#model-${name} figure`);
      if ((await figure.count()) === 0) continue;
      charts += 1;
      assert.ok((await figure.locator('svg path').count()) > 2, `${name}: a chart is drawn`);
      const told = await figure.locator('[role=img]').getAttribute('aria-label');
      assert.match(told, /chart|Chart/, name);
    }
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wider <= 0, `${dataset}, ${width}: ${wider} pixels wider than the screen`);
    assert.deepEqual(await page.evaluate(() => window.violations), [], `${dataset}: its policy`);
    assert.deepEqual(wrong, [], dataset);
    await context.close();
    // axe-core's own script is no part of the page: for it alone the policy does not hold.
    const judged = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 900 }, bypassCSP: true });
    const other = await judged.newPage();
    await other.goto(`file://${path.resolve(dataset)}.html`);
    await other.addScriptTag({ content: axe });
    const { violations } = await other.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map((of) => [of.id, of.nodes.map((node) => node.html)]), [], `${dataset}, ${scheme}, ${width}`);
    await judged.close();
  }
  assert.ok(charts > 0);
  console.log(`${dataset}: ${Object.keys(expected).length} models, ${charts} charts`);
}
await browser.close();
