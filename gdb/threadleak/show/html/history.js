// Threads over time. A level: [begun, span, alive, unjoined, peak] of each bucket, times in seconds.
const NAMES = ['seconds', 'minutes', 'half-hours'], HIGH_PX = 180, LINES = 4, MARGIN = { left: 52, right: 12, top: 10, bottom: 24 };
let level = 0;

function setUpHistory() {
  const levels = data.history && data.history.levels;
  if (!levels || !levels.some((each) => each.length > 1)) return;
  byId('history').hidden = false;
  level = Math.max(0, levels.findIndex((each) => each.length > 1));
  byId('levels').replaceChildren(...levels.map((buckets, at) => element('button', { type: 'button', 'aria-pressed': String(at === level),
    disabled: buckets.length < 2, onclick: () => { level = at; drawHistory(); } }, NAMES[at])));
  addEventListener('resize', drawHistory);
  drawHistory();
}

function svg(tag, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

// The least of 1, 2, 5, 10, 20, ... that is not below: threads are whole.
function roundStep(least) {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least)));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= least);
}

function drawHistory() {
  const buckets = data.history.levels[level], wide = Math.max(byId('chart').clientWidth, 200);
  const begin = buckets[0][0], end = buckets[buckets.length - 1][0] + buckets[buckets.length - 1][1];
  const most = Math.max(1, ...buckets.map((each) => Math.max(each[4], each[2] + each[3])));
  const x = (time) => MARGIN.left + (wide - MARGIN.left - MARGIN.right) * (time - begin) / (end - begin || 1);
  const step = roundStep(most / LINES), top = Math.ceil(most / step) * step;
  const y = (count) => HIGH_PX - MARGIN.bottom - (HIGH_PX - MARGIN.top - MARGIN.bottom) * count / top;
  const line = (of) => buckets.map((each) => `${x(each[0] + each[1]).toFixed(1)},${y(of(each)).toFixed(1)}`);
  const area = [`${x(begin + buckets[0][1]).toFixed(1)},${y(0)}`, ...line((each) => each[3]), `${x(end)},${y(0)}`];
  const grid = Array.from({ length: top / step + 1 }, (_, at) => at * step).map((value) => svg('g', { class: 'tick' },
    svg('line', { x1: MARGIN.left, x2: wide - MARGIN.right, y1: y(value), y2: y(value) }),
    svg('text', { x: MARGIN.left - 6, y: y(value) + 4, 'text-anchor': 'end' }, number.format(value))));
  const clock = (time) => new Date(time * 1000).toLocaleString('sv').slice(end - begin > 86400 ? 5 : 11, end - begin > 86400 ? 16 : 19);
  const times = [begin, (begin + end) / 2, end].map((time, at) => svg('text', { class: 'tick', x: x(time), y: HIGH_PX - 6,
    'text-anchor': ['start', 'middle', 'end'][at] }, clock(time)));
  const last = buckets[buckets.length - 1], first = buckets[0];
  const said = `${clock(begin)} to ${clock(end)}: alive ${number.format(first[2])} at first, ${number.format(last[2])} at last,`
    + ` ${number.format(Math.max(...buckets.map((each) => each[4])))} at most; unjoined ${number.format(first[3])} at first, ${number.format(last[3])} at last.`;
  byId('chart').replaceChildren(svg('svg', { width: wide, height: HIGH_PX, role: 'img', 'aria-label': said }, ...grid, ...times,
    svg('polygon', { class: 'unjoined', points: area.join(' ') }),
    svg('polyline', { class: 'peak', points: line((each) => each[4]).join(' ') }),
    svg('polyline', { class: 'alive', points: line((each) => each[2]).join(' ') })));
  byId('chart-text').replaceChildren(element('span', { class: 'key alive' }, 'alive'), element('span', { class: 'key peak' }, 'peak'),
    element('span', { class: 'key unjoined' }, 'unjoined'), ' ' + said);
  [...byId('levels').children].forEach((each, at) => each.setAttribute('aria-pressed', String(at === level)));
}
