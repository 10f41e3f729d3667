// What is known of one thread.
const PROVEN = { proof: 'a proof', suspicion: 'a suspicion: a proof once its scope or the process has ended' };

function openThread(row, isFocused) {
  const before = table.open;
  table.open = row;
  if (!table.rows.includes(row)) {  // a link leads to a thread that the filters leave out
    byId('filters').reset();
    byId('first').checked = false;
    table.group = null;
    filterTable();
  }
  const panel = byId('details');
  panel.replaceChildren(...explained(row));
  panel.hidden = false;
  panel.scrollTop = 0;
  if (before !== row || !isFocused) {
    const at = table.rows.indexOf(row), box = byId('rows');
    table.at = at;
    const top = at * ROW_PX;
    if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - 3 * ROW_PX) box.scrollTop = Math.max(0, top - 3 * ROW_PX);
  }
  drawTable();
  if (isFocused) {
    byId('details-title').focus({ preventScroll: true });
    panel.scrollIntoView({ block: 'nearest' });
  }
}

function closeThread() {
  const at = table.rows.indexOf(table.open);
  table.open = -1;
  byId('details').hidden = true;
  history.replaceState(null, '', location.pathname + location.search);
  moveTo(Math.max(0, at));
}

function explained(row) {
  const kind = kindOf(row), id = columns.id[row], name = nameOf(row);
  const why = data.lists[columns.why[row]].map(text);
  return [
    element('div', { class: 'title' },
      element('h3', { id: 'details-title', tabindex: -1 }, `Thread ${id ?? '-'} `, name ? element('code', {}, name) : ''),
      element('button', { type: 'button', onclick: closeThread, 'aria-label': 'Close the explanation' }, '×')),
    element('p', {}, chip(kind), ' ', kind.leaked ? PROVEN[kind.confidence] || '' : 'not leaked'),
    element('ul', { class: 'why' }, ...why.map((said) => element('li', {}, ...sentence(said)))),
    kind.expected ? element('p', {}, element('b', {}, 'Expected by '), kind.expected) : null,
    kind.fix && !kind.expected ? element('p', { class: 'fix' }, element('b', {}, 'Fix '), kind.fix) : null,
    ...stackOf('Stack now', columns.stack[row], kind.state === 'finished' || kind.state === 'ending'
      ? 'It has none: it has finished.' : 'It could not be read.'),
    ...stackOf('Created at', kind.creation, 'The library did not see its creation, or it is the main thread.'),
    ...madeBy(row),
    element('h4', {}, 'Facts'), facts(row, kind),
    alike(row),
  ].filter(Boolean);
}

function stackOf(title, at, none) {
  const head = element('h4', {}, title);
  if (at < 0) return [head, element('p', { class: 'quiet' }, none)];
  const [end, own, frames] = data.stacks[at];
  const list = element('ol', { class: 'stack', start: 0, 'aria-label': title }, ...frames.map((number, index) => {
    const [name, place, isWrapper] = data.frames[number];
    return element('li', { class: index === own ? 'own' : isWrapper ? 'wrapper' : null },
      element('code', {}, text(name)), ' ', element('span', { class: 'place' }, text(place)),
      index === own ? element('b', { class: 'yours' }, 'your code') : null);
  }));
  return [head, list, text(end) ? element('p', { class: 'quiet' }, text(end)) : null];
}

function madeBy(row) {
  const lines = columns.made[row] < 0 ? [] : data.lists[columns.made[row]].map(text);
  if (!lines.length) return [];
  return [element('h4', {}, 'Created by'),
    element('ul', { class: 'why' }, ...lines.map((line) => element('li', {}, ...sentence(line))))];
}

function facts(row, kind) {
  const began = columns.began[row], ended = columns.ended[row];
  const address = (value) => (value ? '0x' + value : '');
  const rows = [
    ['State', kind.state], ['Kind', kind.how], ['TID', columns.tid[row] || ''],
    ['pthread_t', address(columns.pthread[row])],
    ['Started in', kind.start + (columns.arg[row] ? ', argument ' + address(columns.arg[row]) : '')],
    ['Scope', scopeOf(row) === '-' ? '' : scopeOf(row)],
    ['Created', began === null ? '' : moment(began)],
    ['Finished', ended === null ? '' : `${moment(ended)}, lived ${duration(ended - began)}`],
  ];
  return element('dl', { class: 'facts' }, ...rows.filter(([, value]) => value !== '').map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, String(value)))));
}

function alike(row) {
  const of = kindOf(row).creation;
  if (of < 0) return null;
  const same = new Set(kinds.map((kind, at) => at).filter((at) => kinds[at].creation === of));
  const count = columns.kind.filter((kind) => same.has(kind)).length;
  return element('p', {}, element('button', { type: 'button', onclick: () => showGroup(kindOf(row).created, same) },
    count === 1 ? 'The only one created there' : `Show all ${number.format(count)} created there`));
}

function showGroup(name, ofKinds) {
  byId('filters').reset();
  setTimeout(() => {  // after what the reset does
    table.group = { name, kinds: ofKinds };
    filterTable();
    byId('threads').scrollIntoView();
    byId('search').focus({ preventScroll: true });
  });
}

function openByHash(isFocused) {
  const found = /^#thread-(.+)$/.exec(decodeURIComponent(location.hash));
  if (found && rowOf.has(found[1])) openThread(rowOf.get(found[1]), isFocused);
}
