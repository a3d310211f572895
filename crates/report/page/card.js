// A model's card: its chart, its table with filters, sorting and pages, its CSV and its SQL.

const ROWS_ON_PAGE = 12;
/** The most columns of a table that has room beside its chart. */
const MOST_BESIDE = 4;
const MOST_FACETS = 2;
const MOST_VALUES = 40;

/** An element with attributes, listeners (`onclick`) and children. No text is ever read as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const counted = (count, one) => `${readable(String(count))} ${one}${count === 1 ? '' : 's'}`;

const titled = (name) => label(name).replace(/^./, (first) => first.toUpperCase());

/** Columns by whose values rows are chosen from a list: few values, each of several rows. */
function facets(model) {
  const chosen = model.columns.map((column, at) => ({ column, at })).filter(({ column, at }) => {
    if (!/^(text|boolean)/.test(column.type) && column.name !== model.chart?.series) return false;
    const values = new Set(model.rows.map((row) => row[at]));
    return values.size > 1 && values.size <= MOST_VALUES && values.size * 2 <= model.rows.length;
  });
  const first = (of) => (of.column.name === model.chart?.series ? 0 : 1);
  return chosen.sort((one, other) => first(one) - first(other)).slice(0, MOST_FACETS);
}

function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A card over one model. `state` is read from the URL and written back by `keep`. */
class Card {
  constructor(model, state, keep) {
    Object.assign(this, { model, state, keep });
    this.facets = facets(model);
    this.key = `model-${model.name}`;
    this.isGrouped = model.columns.map(
      (column) => isNumber(column.type) && (/^numeric/.test(column.type) || model.chart?.y.includes(column.name)),
    );
    this.root = this.build();
  }

  build() {
    const { model, key } = this;
    this.plot = element('div', { class: 'plot', role: 'img' });
    this.caption = element('figcaption');
    this.status = element('p', { class: 'count' });
    this.table = element('table', { 'aria-describedby': `${key}-count` });
    this.status.id = `${key}-count`;
    this.pager = element('div', { class: 'pager' });
    const figure = model.chart && !model.is_cut ? element('figure', {}, this.caption, this.plot) : null;
    this.figure = figure;
    return element('section', { class: `card${figure ? '' : ' plain'}${model.columns.length > MOST_BESIDE ? ' broad' : ''}`, id: key, 'aria-labelledby': `${key}-title` },
      element('div', { class: 'head' }, element('h2', { id: `${key}-title` }, titled(model.name)), element('code', { class: 'name' }, model.name)),
      model.about ? element('p', { class: 'about' }, model.about) : null,
      model.is_cut ? element('p', { class: 'notice' }, this.cutLine()) : null,
      element('div', { class: 'body' },
        figure,
        element('div', { class: 'data' },
          this.filters(),
          element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Table ${titled(model.name)}` }, this.table),
          element('div', { class: 'below' }, this.status, this.pager))),
      this.foot());
  }

  cutLine() {
    const { model } = this;
    const shown = readable(String(model.rows.length));
    return `The first ${shown} of ${counted(model.total, 'row')} are on this page, without a chart, which would show only these. ` +
      `extrato transform --dataset ${model.dataset} --model ${model.name} writes all of them.`;
  }

  filters() {
    const { model, key, state } = this;
    const change = (name, value) => { state[name] = value; state.page = ''; this.changed(); };
    this.search = element('input', { type: 'search', id: `${key}-q`, autocomplete: 'off', spellcheck: 'false', oninput: (event) => change('q', event.target.value) });
    const boxes = [element('div', { class: 'box wide' }, element('label', { for: `${key}-q` }, 'Filter rows'), this.search)];
    this.choices = this.facets.map(({ column, at }) => {
      const values = [...new Set(model.rows.map((row) => row[at]))];
      const compare = comparison(column.type);
      values.sort((one, other) => (one === null ? 1 : other === null ? -1 : compare(one, other)));
      const name = `is.${column.name}`;
      // What a value is called in the URL: NULL is nothing else's name.
      const code = (value) => (value === null ? 'null' : `=${value}`);
      const choice = element('select', { id: `${key}-${at}`, onchange: (event) => change(name, event.target.value) },
        element('option', { value: '' }, 'all'),
        ...values.map((value) => element('option', { value: code(value) }, value ?? 'NULL')));
      boxes.push(element('div', { class: 'box' }, element('label', { for: `${key}-${at}` }, titled(column.name)), choice));
      return { at, name, code, choice };
    });
    this.reset = element('button', { type: 'button', class: 'small', onclick: () => { for (const part of Object.keys(state)) state[part] = ''; this.changed(); this.search.focus(); } }, 'Reset');
    boxes.push(this.reset);
    return element('form', { class: 'filters', role: 'search', 'aria-label': titled(model.name), onsubmit: (event) => event.preventDefault() }, ...boxes);
  }

  foot() {
    const { model } = this;
    const all = model.is_cut ? `CSV of these ${readable(String(model.rows.length))}` : 'CSV of all';
    const facts = [counted(model.total, 'row'), `run by ${model.engine === 'postgres' ? 'a scratch database' : 'Polars'}`];
    if (model.reconciled) facts.push(model.reconciled);
    if (model.checks) facts.push(`${counted(model.checks, 'check')} passed`);
    return element('footer', { class: 'foot' },
      element('p', { class: 'facts' }, facts.join(' \u00b7 ')),
      element('div', { class: 'buttons' },
        element('button', { type: 'button', onclick: () => download(`${model.name}-shown.csv`, csv(model.columns, this.chosen())) }, 'CSV of what is shown'),
        element('button', { type: 'button', onclick: () => download(`${model.name}.csv`, csv(model.columns, model.rows)) }, all)),
      element('details', {}, element('summary', {}, 'SQL'), element('pre', { tabindex: '0' }, element('code', {}, model.sql))));
  }

  /** The text of each row that is searched, made once a row is searched for. */
  get searchable() {
    this.folded ??= this.model.rows.map((row) => folded(row.map((value) => value ?? '').join('\u0001')));
    return this.folded;
  }

  /** The rows that the filters leave, in the order that was asked for. */
  chosen() {
    const { model, state } = this;
    const wanted = folded(state.q ?? '').split(/\s+/).filter(Boolean);
    const taken = this.choices.filter(({ name }) => state[name]);
    const isChosen = wanted.length > 0 || taken.length > 0;
    const rows = !isChosen ? [...model.rows] : model.rows.filter((row, index) =>
      wanted.every((word) => this.searchable[index].includes(word)) && taken.every(({ at, name, code }) => code(row[at]) === state[name]));
    const at = model.columns.findIndex((column) => column.name === state.sort);
    if (at < 0) return rows;
    return sorted(rows, at, model.columns[at].type, state.order === 'desc' ? -1 : 1);
  }

  changed() {
    this.show();
    this.keep();
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { document.getElementById('said').textContent = `${titled(this.model.name)}: ${this.status.textContent}`; }, 400);
  }

  /** Shows what the state says. */
  show() {
    const { model, state } = this;
    if (this.search.value !== (state.q ?? '')) this.search.value = state.q ?? '';
    for (const { name, choice } of this.choices) choice.value = state[name] ?? '';
    this.reset.disabled = !Object.entries(state).some(([part, value]) => part !== 'page' && value);
    const rows = this.chosen();
    const pages = Math.max(1, Math.ceil(rows.length / ROWS_ON_PAGE));
    const page = Math.min(Math.max(1, Number.parseInt(state.page, 10) || 1), pages);
    const first = (page - 1) * ROWS_ON_PAGE;
    const shown = rows.slice(first, first + ROWS_ON_PAGE);
    this.status.textContent = rows.length === 0
      ? 'No row matches.'
      : `${readable(String(first + 1))}\u2013${readable(String(first + shown.length))} of ${counted(rows.length, 'row')}${rows.length < model.rows.length ? `, out of ${readable(String(model.rows.length))}` : ''}`;
    this.fill(shown);
    this.paging(page, pages);
    if (this.figure) this.draw(rows);
  }

  fill(rows) {
    const { model, state, isGrouped } = this;
    const head = model.columns.map((column) => {
      const isSorted = column.name === state.sort;
      const order = isSorted ? state.order : '';
      return element('th', { scope: 'col', class: isNumber(column.type) ? 'number' : null, 'aria-sort': isSorted ? (order === 'desc' ? 'descending' : 'ascending') : null },
        element('button', { type: 'button', title: `${column.name} ${column.type}`, 'data-column': column.name, onclick: () => this.sort(column) },
          label(column.name), element('span', { class: `arrow ${order}`, 'aria-hidden': 'true' })));
    });
    const cell = (value, at) => {
      if (value === null) return element('td', { class: 'null' }, 'NULL');
      const { type } = model.columns[at];
      if (!isNumber(type)) return element('td', { class: /^(date|time|uuid|boolean)/.test(type) ? 'whole' : null }, value);
      // Gaps between groups are space alone, so that what is copied is the number.
      const parts = isGrouped[at] ? grouped(value).map((part, index) => (index ? element('span', {}, part) : part)) : [value];
      return element('td', { class: 'number' }, ...parts);
    };
    const body = rows.map((row) => element('tr', {}, ...row.map(cell)));
    // Typing and tabbing stay where they were.
    const focused = this.table.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    this.table.replaceChildren(element('caption', { class: 'quiet' }, titled(model.name)), element('thead', {}, element('tr', {}, ...head)), element('tbody', {}, ...body));
    if (focused) this.table.querySelector(`[data-column="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Numbers begin with the greatest, all else with the first; the third time the model's own order is back. */
  sort(column) {
    const { state } = this;
    const orders = isNumber(column.type) ? ['desc', 'asc', ''] : ['asc', 'desc', ''];
    const now = state.sort === column.name ? orders.indexOf(state.order) : -1;
    state.order = orders[now + 1];
    state.sort = state.order ? column.name : '';
    state.page = '';
    this.changed();
  }

  paging(page, pages) {
    const to = (wanted) => () => {
      this.state.page = wanted > 1 ? String(wanted) : '';
      this.changed();
      const [back, on] = this.pager.querySelectorAll('button');
      const same = wanted > page ? on : back;
      (same.disabled ? (same === on ? back : on) : same).focus();
    };
    this.pager.hidden = pages === 1;
    this.pager.replaceChildren(
      element('button', { type: 'button', class: 'small', disabled: page === 1, 'aria-label': 'Previous rows', onclick: to(page - 1) }, '\u2190'),
      element('span', {}, `${page} / ${pages}`),
      element('button', { type: 'button', class: 'small', disabled: page === pages, 'aria-label': 'Next rows', onclick: to(page + 1) }, '\u2192'));
  }

  draw(rows) {
    const { chart } = this.model;
    const data = charted(this.model, rows);
    const height = heightOf(data) + legendLines(data, this.plot.clientWidth || 600) * LEGEND_LINE;
    const rest = data.categories.length < data.count ? `, the ${data.categories.length} greatest of ${readable(String(data.count))}` : '';
    this.caption.textContent = titled(subject(chart)) + rest;
    this.plot.setAttribute('aria-label', told(chart, data));
    this.plot.style.height = `${height}px`;
    if (!this.plot.isConnected || this.plot.clientWidth === 0) return;
    this.chart ??= echarts.init(this.plot, null, { renderer: 'svg' });
    this.chart.resize({ height });
    this.chart.setOption(option(chart, data, this.plot.clientWidth), { notMerge: true });
  }
}
