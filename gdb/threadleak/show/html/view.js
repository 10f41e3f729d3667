// What html_data.py wrote, as objects. Text of the watched program reaches the page as text nodes alone.
const data = JSON.parse(document.getElementById('data').textContent);
function text(number) {
  const told = data.texts[number];
  return typeof told === 'string' ? told : told.map(text).join('');
}
const columns = data ? data.columns : { id: [] };
const total = columns.id.length;
const kinds = data ? data.kinds.map(decoded) : [];
const rowOf = new Map(columns.id.map((id, row) => [String(id), row]));

function decoded(values) {
  const kind = {};
  data.kindFields.forEach((name, at) => {
    kind[name] = name === 'leaked' || name === 'creation' ? values[at] : text(values[at]);
  });
  kind.label = kind.class;
  if (kind.expected) kind.label += ', expected';
  else if (kind.waiting) kind.label += ', ' + kind.waiting;
  else if (kind.leaked && kind.confidence === 'suspicion') kind.label += '?';
  return kind;
}

const kindOf = (row) => kinds[columns.kind[row]];
const nameOf = (row) => text(columns.name[row]);
const scopeOf = (row) => text(columns.scope[row]);
const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en');
const threads = (count) => number.format(count) + (count === 1 ? ' thread' : ' threads');

// element('li', {class: 'x', onclick: f}, 'text', child)
function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ''));
  return made;
}

function sentence(said) {
  // "thread 7" is a link to it
  const parts = [];
  let from = 0;
  for (const found of said.matchAll(/\bthread (\d+(?:\.\d+)?|0x[0-9a-f]+|tid:\d+)\b/gi)) {
    if (!rowOf.has(found[1])) continue;
    parts.push(said.slice(from, found.index), element('a', { href: '#thread-' + found[1] }, found[0]));
    from = found.index + found[0].length;
  }
  return [...parts, said.slice(from)];
}

const chip = (kind) => element('span', { class: 'chip ' + (kind.expected ? 'expected' : kind.class) }, kind.label);

function duration(ms) {
  if (ms < 1000) return Math.round(ms) + ' ms';
  const units = [[86400000, 'd'], [3600000, 'h'], [60000, 'min'], [1000, 's']];
  const [size, unit] = units.find(([size]) => ms >= size);
  const value = ms / size;
  return (value < 10 ? value.toFixed(1) : Math.round(value)) + ' ' + unit;
}

function moment(ms) {
  const date = new Date(data.started * 1000 + ms);
  return isNaN(date) ? '' : `${date.toLocaleString('sv')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
