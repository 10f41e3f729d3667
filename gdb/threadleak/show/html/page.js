// What holds the parts together: theme, links between them, printing.
const THEMES = [['', 'as the system'], ['light', 'light'], ['dark', 'dark']];

function setUpTheme() {
  let at = 0;
  byId('theme').addEventListener('click', () => {
    at = (at + 1) % THEMES.length;
    document.documentElement.dataset.theme = THEMES[at][0];
    byId('theme').setAttribute('aria-label', 'Theme: ' + THEMES[at][1]);
    byId('theme').title = 'Theme: ' + THEMES[at][1];
  });
}

function setUpLinks() {
  const sections = [...document.querySelectorAll('main section')].filter((each) => !each.hidden);
  document.querySelector('nav').replaceChildren(...sections.map((each) =>
    element('a', { href: '#' + each.id }, each.querySelector('h2').textContent)));
  for (const each of document.querySelectorAll('button[data-class]')) {
    each.addEventListener('click', () => {
      const isOn = each.getAttribute('aria-pressed') === 'true';
      byId('class').value = isOn ? '' : each.dataset.class;
      byId('first').checked = false;
      filterTable();
      byId('threads').scrollIntoView();
    });
  }
  for (const node of document.querySelectorAll('.node[data-row]')) {
    const open = () => { location.hash = 'thread-' + columns.id[Number(node.dataset.row)]; };
    node.addEventListener('click', open);
    node.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); }
    });
  }
  document.addEventListener('click', (event) => {  // the same thread once more is no change of the hash
    const link = event.target.closest('a[href^="#thread-"]');
    if (link && link.hash === location.hash) openByHash(true);
  });
  addEventListener('hashchange', () => openByHash(true));
}

function setUpPrinting() {
  const print = matchMedia('print');
  print.addEventListener('change', () => {
    table.printing = print.matches;
    for (const each of document.querySelectorAll('#waits details')) each.open = print.matches || each.open;
    drawTable();
    if (!byId('groups').hidden) drawIcicle();
    if (!byId('history').hidden) drawHistory();
  });
}

setUpTheme();
if (data) {
  setUpHistory();
  setUpIcicle();
  setUpTable();
  setUpLinks();
  setUpPrinting();
  if (location.hash) openByHash(false);
  else if (data.opened.length) openThread(data.opened[0], false);
}
