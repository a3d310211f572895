// Values as they came, as text. Numbers are compared and added as whole numbers of any length, never as floats.

const NUMBERS = /^(smallint|integer|bigint|numeric|real|double)/;
const PLAIN = /^-?\d+(\.\d+)?$/;

const isNumber = (type) => NUMBERS.test(type);

/** A plain decimal as a whole number of `scale` digits behind the point; null for what is none. */
function scaled(text, scale) {
  if (text === null || !PLAIN.test(text)) return null;
  const [whole, fraction = ''] = text.split('.');
  return BigInt(whole + fraction.padEnd(scale, '0').slice(0, scale));
}

const scaleOf = (text) => (text === null ? 0 : (text.split('.')[1] ?? '').length);

/** The text of a whole number of `scale` digits behind the point. */
function unscaled(value, scale) {
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The sum of texts. Sums of floats are floats, as they are in a database. */
function sum(texts) {
  const known = texts.filter((text) => text !== null);
  if (known.length === 0) return null;
  if (!known.every((text) => PLAIN.test(text))) return String(known.reduce((all, text) => all + Number(text), 0));
  const scale = known.reduce((most, text) => Math.max(most, scaleOf(text)), 0);
  return unscaled(known.reduce((all, text) => all + scaled(text, scale), 0n), scale);
}

/** Which of two numbers is greater, by all of their digits. */
function compareNumbers(one, other) {
  if (PLAIN.test(one) && PLAIN.test(other)) {
    const scale = Math.max(scaleOf(one), scaleOf(other));
    const [a, b] = [scaled(one, scale), scaled(other, scale)];
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return Number(one) - Number(other);
}

const words = new Intl.Collator(undefined, { numeric: true });

/** How values of a type are compared. Dates and times are written so that their texts are in order. */
function comparison(type) {
  if (isNumber(type)) return compareNumbers;
  if (/^(date|time)/.test(type)) return (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  return words.compare;
}

/** Rows by a column, `turn` -1 for the greatest first. NULL is last either way, and equal rows stay as they were. */
function sorted(rows, at, type, turn) {
  const isNull = (row) => row[at] === null;
  const known = rows.filter((row) => !isNull(row));
  const isPlain = isNumber(type) && known.every((row) => PLAIN.test(row[at]));
  const scale = isPlain ? known.reduce((most, row) => Math.max(most, scaleOf(row[at])), 0) : 0;
  const compare = isPlain ? (one, other) => (one < other ? -1 : one > other ? 1 : 0) : comparison(type);
  // Read once, not at each comparison.
  const keyed = known.map((row) => ({ row, key: isPlain ? scaled(row[at], scale) : row[at] }));
  keyed.sort((one, other) => turn * compare(one.key, other.key));
  return [...keyed.map(({ row }) => row), ...rows.filter(isNull)];
}

/** Digits in groups of three, for people: only whole digits before the point are grouped. */
function grouped(text) {
  if (!PLAIN.test(text)) return [text];
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  const groups = [];
  for (let end = whole.length; end > 0; end -= 3) groups.unshift(whole.slice(Math.max(0, end - 3), end));
  groups[0] = (sign ? '\u2212' : '') + groups[0];
  groups[groups.length - 1] += fraction;
  return groups;
}

const readable = (text) => (text === null ? 'none' : grouped(text).join(','));

/** A field of CSV as extrato writes it: NULL is nothing, and the empty text has quotes. */
function field(value) {
  if (value === null) return '';
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}

const csv = (columns, rows) =>
  [columns.map((column) => field(column.name)), ...rows.map((row) => row.map(field))]
    .map((fields) => `${fields.join(',')}\n`)
    .join('');

/** A text in which neither case nor accents are told apart. */
const folded = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
