// The page: what it is of, its cards, and their state in the URL (#model.q=…), so that a link shows what was seen.

const report = JSON.parse(document.getElementById('report').textContent);

/** The state of each card, as the URL has it. */
const states = new Map(report.models.map((model) => [model.name, {}]));

function readUrl() {
  for (const state of states.values()) for (const part of Object.keys(state)) state[part] = '';
  for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
    const dot = key.indexOf('.');
    const state = states.get(key.slice(0, dot));
    if (state) state[key.slice(dot + 1)] = value;
  }
}

function writeUrl() {
  const parts = new URLSearchParams();
  for (const [name, state] of states) for (const [part, value] of Object.entries(state)) if (value) parts.set(`${name}.${part}`, value);
  const text = parts.toString();
  history.replaceState(null, '', text ? `#${text}` : location.pathname + location.search);
}

readUrl();
// What has a chart comes first, what is cut last; else the dataset's order.
const rank = (model) => (model.is_cut ? 2 : model.chart ? 0 : 1);
const models = [...report.models].sort((one, other) => rank(one) - rank(other));
const cards = models.map((model) => new Card({ ...model, dataset: report.dataset }, states.get(model.name), writeUrl));
const showAll = () => cards.forEach((card) => card.show());

const rowsRead = report.tables.reduce((all, table) => all + table.rows, 0);
const facts = [['Made', report.made], ['Snapshot', report.snapshot], ['Run', report.run], ['Read', `${counted(rowsRead, 'row')} of ${counted(report.tables.length, 'table')}`]];
facts.push(...report.parameters.map(({ name, value }) => [titled(name), value]));

/** The parameters of a page that a service gives, to be chosen: it is asked for the page of other values by its own URL. */
function parameters() {
  if (!report.is_served || report.parameters.length === 0) return null;
  const fields = report.parameters.map(({ name, type, value }) => element('label', {}, titled(name), element('input', {
    name, value, type: type === 'date' ? 'date' : 'text', inputmode: isNumber(type) ? 'decimal' : null,
  })));
  const choose = (event) => {
    event.preventDefault();
    location.search = new URLSearchParams(new FormData(event.target)).toString();
  };
  return element('form', { class: 'filters', 'aria-label': 'Parameters', onsubmit: choose }, ...fields, element('button', {}, 'Show'));
}

const links = cards.map((card) => element('li', {}, element('a', { href: `#${card.key}` }, titled(card.model.name), element('span', {}, readable(String(card.model.total))))));
const hasDiagram = document.querySelector('#tables-and-keys svg') !== null;
document.getElementById('tables-and-keys').hidden = !hasDiagram;
if (hasDiagram) links.push(element('li', {}, element('a', { href: '#tables-and-keys' }, 'Tables and keys')));
document.getElementById('top').append(
  element('p', { class: 'eyebrow' }, 'Extrato report'),
  element('h1', {}, titled(report.dataset)),
  element('dl', { class: 'made' }, ...facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)))),
  ...[parameters()].filter((form) => form),
  element('nav', { 'aria-label': 'Models' }, element('ul', {}, ...links)));
document.getElementById('cards').append(...cards.map((card) => card.root));
if (cards.length === 0) document.getElementById('cards').append(element('p', { class: 'notice' }, 'The dataset has no model.'));
document.getElementById('bottom').append(`Written by extrato ${report.extrato}. Every number is as the database has it; this page asks no server for anything.`);
showAll();

// A link within the page moves the reader, and leaves the filters in the URL as they are.
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  const target = document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  target.setAttribute('tabindex', '-1');
  target.focus({ preventScroll: true });
  target.scrollIntoView();
});
window.addEventListener('hashchange', () => { readUrl(); showAll(); });

let redrawing = 0;
const redraw = () => { cancelAnimationFrame(redrawing); redrawing = requestAnimationFrame(showAll); };
let width = document.documentElement.clientWidth;
window.addEventListener('resize', () => {
  // A phone's address bar changes the height alone.
  if (document.documentElement.clientWidth === width) return;
  width = document.documentElement.clientWidth;
  redraw();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
matchMedia('print').addEventListener('change', showAll);
