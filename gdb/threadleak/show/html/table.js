// The table of threads: of ten thousand rows those in view are in the document.
const ROW_PX = 30, SPARE = 10, PRINTED = 1000;
const age = (row) => (columns.began[row] === null ? null : data.now - columns.began[row]);
const shownAge = (row) => (age(row) === null || age(row) < 0 ? '-' : duration(age(row)));
const FIELDS = [
  ['id', 'ID', (row) => columns.id[row], (row) => String(columns.id[row] ?? '-')],
  ['tid', 'TID', (row) => columns.tid[row], (row) => String(columns.tid[row] || '-')],
  ['name', 'Name', nameOf, (row) => nameOf(row) || '-'],
  ['state', 'State', (row) => kindOf(row).state],
  ['class', 'Class', (row) => kindOf(row).label],
  ['scope', 'Scope', scopeOf],
  ['start', 'Started in', (row) => kindOf(row).start],
  ['created', 'Created at', (row) => kindOf(row).created],
  ['age', 'Age', age, shownAge],
];
const table = { rows: [], sort: '', down: false, at: 0, open: -1, group: null, printing: false };
const haystacks = [];

function haystack(row) {
  if (haystacks[row] === undefined) {
    const why = data.lists[columns.why[row]].map(text);
    const cells = FIELDS.map(([, , value, shown]) => (shown || value)(row));
    const pthread = columns.pthread[row] ? '0x' + columns.pthread[row] : '';
    haystacks[row] = [...cells, pthread, kindOf(row).expected, ...why].join('\n').toLowerCase();
  }
  return haystacks[row];
}

function filterTable() {
  const words = byId('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const picked = ['class', 'state', 'created'].filter((id) => byId(id).value !== '');
  const scope = byId('scope').value;
  const fits = kinds.map((kind) => picked.every((id) => kind[id] === byId(id).value));
  const first = byId('first').checked ? new Set(data.first.rows) : null;
  table.rows = [];
  for (let row = 0; row < total; row++) {
    const kind = columns.kind[row];
    if (!fits[kind] || (first && !first.has(row)) || (table.group && !table.group.kinds.has(kind))) continue;
    if (scope !== '' && scopeOf(row) !== scope) continue;
    if (words.every((word) => haystack(row).includes(word))) table.rows.push(row);
  }
  sortTable();
  for (const each of document.querySelectorAll('button[data-class]')) {
    each.setAttribute('aria-pressed', String(each.dataset.class === byId('class').value));
  }
}

function sortTable() {
  const field = FIELDS.find(([name]) => name === table.sort);
  const sign = table.down ? -1 : 1;
  if (field) {
    const keys = table.rows.map((row) => [field[2](row), row]);
    keys.sort(([a, x], [b, y]) => sign * compared(a, b) || x - y);
    table.rows = keys.map(([, row]) => row);
  }
  for (const head of document.querySelectorAll('#table th')) {
    const is = head.dataset.field === table.sort;
    head.setAttribute('aria-sort', is ? (table.down ? 'descending' : 'ascending') : 'none');
  }
  table.at = Math.max(0, table.rows.indexOf(table.open));
  byId('rows').scrollTop = 0;
  byId('table').setAttribute('aria-rowcount', table.rows.length + 1);
  const of = table.rows.length === total ? '' : ' of ' + number.format(total);
  const group = table.group ? ', created through ' + table.group.name : '';
  byId('count').textContent = threads(table.rows.length) + of + group;
  drawTable();
}

function compared(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), 'en', { numeric: true });
}

function drawTable() {
  const box = byId('rows'), body = byId('table').tBodies[0];
  const count = table.rows.length, height = table.printing ? 0 : box.clientHeight;
  let from = Math.max(0, Math.floor(box.scrollTop / ROW_PX) - SPARE);
  let to = Math.min(count, from + Math.ceil(height / ROW_PX) + 2 * SPARE);
  if (table.printing) [from, to] = [0, Math.min(count, PRINTED)];
  const had = document.activeElement && document.activeElement.classList.contains('open');
  body.replaceChildren(spacer(from), ...table.rows.slice(from, to).map((row, at) => drawnRow(row, from + at)),
    spacer(table.printing ? 0 : count - to));
  if (!body.querySelector('[tabindex="0"]')) body.querySelector('.open')?.setAttribute('tabindex', '0');
  if (had) body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
}

function spacer(rows) {
  const made = element('tr', { class: 'spacer', 'aria-hidden': 'true' }, element('td', {}));
  made.firstChild.style.height = rows * ROW_PX + 'px';
  made.hidden = rows === 0;
  return made;
}

function drawnRow(row, at) {
  const cells = FIELDS.map(([name, , value, shown]) => {
    const said = (shown || value)(row);
    if (name === 'id') {
      const open = element('button', { type: 'button', class: 'open', tabindex: at === table.at ? 0 : -1,
        'aria-label': 'Explain thread ' + said, 'aria-expanded': String(row === table.open), 'aria-controls': 'details' }, said);
      return element('th', { scope: 'row', class: name }, open);
    }
    return element('td', { class: name, title: name === 'class' ? null : said }, name === 'class' ? chip(kindOf(row)) : said);
  });
  return element('tr', { 'aria-rowindex': at + 2, 'data-row': row, class: row === table.open ? 'current' : null }, ...cells);
}

function moveTo(at) {
  table.at = Math.min(Math.max(at, 0), table.rows.length - 1);
  const box = byId('rows'), top = table.at * ROW_PX, head = byId('table').tHead.offsetHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  if (top + ROW_PX + head > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_PX + head - box.clientHeight;
  drawTable();
  byId('table').querySelector('.open[tabindex="0"]')?.focus({ preventScroll: true });
}

function tableKeys(event) {
  const page = Math.max(1, Math.floor(byId('rows').clientHeight / ROW_PX) - 2);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (!(event.key in steps) || !event.target.classList.contains('open')) return;
  event.preventDefault();
  moveTo(table.at + steps[event.key]);
}

function options(id, all, values) {
  const counts = new Map();
  values.forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
  const known = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 500);
  byId(id).replaceChildren(element('option', { value: '' }, all),
    ...known.map(([value, count]) => element('option', { value }, `${value} (${number.format(count)})`)));
  byId(id).closest('label').hidden = known.length < 2;
}

function setUpTable() {
  const rows = [...Array(total).keys()];
  for (const id of ['class', 'state', 'created']) options(id, 'all', rows.map((row) => kindOf(row)[id]));
  options('scope', 'all', rows.map(scopeOf));
  byId('first-label').hidden = !data.first;
  byId('first-name').textContent = data.first ? data.first.name : '';
  byId('first').checked = byId('first').defaultChecked = Boolean(data.first);
  byId('table').tHead.replaceChildren(element('tr', { 'aria-rowindex': 1 }, ...FIELDS.map(([name, title]) => element('th',
    { scope: 'col', class: name, 'data-field': name, 'aria-sort': 'none' },
    element('button', { type: 'button', onclick: () => {
      [table.sort, table.down] = [name, table.sort === name ? !table.down : false];
      sortTable();
    } }, title)))));
  // threads without a record go by their pthread_t, whose last digits tell them apart
  byId('table').classList.toggle('handles', columns.id.some((id) => typeof id === 'string'));
  byId('threads').hidden = false;
  byId('filters').addEventListener('input', filterTable);
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  byId('filters').addEventListener('reset', () => setTimeout(() => {
    byId('first').checked = false;
    [table.group, table.sort, table.down] = [null, '', false];
    filterTable();
  }));
  let waits = false;
  byId('rows').addEventListener('scroll', () => {
    if (!waits) requestAnimationFrame(() => { waits = false; drawTable(); });
    waits = true;
  });
  const body = byId('table').tBodies[0];
  body.addEventListener('keydown', tableKeys);
  body.addEventListener('click', (event) => {
    const row = event.target.closest('tr[data-row]');
    if (row) location.hash = 'thread-' + columns.id[Number(row.dataset.row)];
  });
  addEventListener('resize', drawTable);
  filterTable();
}
