// Creation stacks as an icicle: outermost frames on top, below each what it called, as wide as many threads it made.
const LEVEL_PX = 24, LEAST_PX = 3, DEEPEST = 128;
const icicle = { root: null, zoomed: null, at: null };

function setUpIcicle() {
  icicle.root = icicle.zoomed = icicle.at = tree();
  if (!icicle.root.threads) return;
  byId('groups').hidden = false;
  if (!icicle.root.leaked) {
    byId('measure').value = 'threads';
    byId('measure').closest('label').hidden = true;
  }
  byId('measure').addEventListener('change', () => zoomTo(icicle.root));
  byId('zoom-out').addEventListener('click', () => zoomTo(icicle.zoomed.parent || icicle.root));
  byId('show-group').addEventListener('click', () => showGroup(icicle.at.name, icicle.at.kinds));
  byId('icicle').addEventListener('keydown', icicleKeys);
  addEventListener('resize', drawIcicle);
  drawIcicle();
}

const newNode = (name, place, parent) => ({ name, place, parent, threads: 0, leaked: 0, children: new Map(), kinds: new Set() });

function tree() {
  const counts = new Array(kinds.length).fill(0), root = newNode('all threads', '', null);
  columns.kind.forEach((kind) => counts[kind]++);
  kinds.forEach((kind, number) => {
    let at = root;
    const path = pathOf(kind);
    for (const step of [null, ...path]) {
      if (step) {
        if (!at.children.has(step[0])) at.children.set(step[0], newNode(step[1], step[2], at));
        at = at.children.get(step[0]);
      }
      at.threads += counts[number];
      at.leaked += kind.leaked ? counts[number] : 0;
      at.kinds.add(number);
    }
    at.isLeaf = true;
  });
  return root;
}

function pathOf(kind) {
  // [key, name, place] of each frame of the user's own, outermost first; of all, where none is
  if (kind.creation < 0) return [['none', 'creation not seen', ''], ['start ' + kind.start, kind.start, '']];
  const [, , frames] = data.stacks[kind.creation];
  const own = frames.filter((frame) => !data.frames[frame][2]);
  const path = (own.length ? own : frames).slice(0, DEEPEST).reverse()
    .map((frame) => {  // two calls in one function are one block: its lines are in the explanations
      const [name, place] = data.frames[frame].map(text);
      const file = place.replace(/:\d+$/, '');
      return [name + '\n' + file, name, file];
    });
  return [...path, ['start ' + kind.start, 'runs ' + kind.start, '']];
}

const sizeOf = (node) => node[byId('measure').value];

function zoomTo(node) {
  icicle.zoomed = icicle.at = node;
  byId('zoom-out').disabled = node === icicle.root;
  drawIcicle();
  byId('icicle').querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
}

function drawIcicle() {
  const box = byId('icicle'), width = box.clientWidth;
  const drawn = [], above = [];
  for (let node = icicle.zoomed; node; node = node.parent) above.unshift(node);
  above.forEach((node, depth) => drawn.push([node, depth, 0, width]));
  const levels = [[icicle.zoomed, above.length - 1, 0, width]];
  let deepest = above.length;
  while (levels.length) {
    const [node, depth, left, wide] = levels.pop();
    let x = left;
    for (const child of sorted(node)) {
      const size = wide * sizeOf(child) / (sizeOf(node) || 1);
      if (size >= LEAST_PX) {
        drawn.push([child, depth + 1, x, size]);
        levels.push([child, depth + 1, x, size]);
        deepest = Math.max(deepest, depth + 2);
      }
      x += size;
    }
  }
  drawn.sort((a, b) => a[1] - b[1] || a[2] - b[2]);
  if (!drawn.some(([node]) => node === icicle.at)) icicle.at = icicle.zoomed;
  icicle.drawn = drawn;
  box.style.height = Math.min(deepest * LEVEL_PX, 20 * LEVEL_PX) + 'px';
  box.replaceChildren(...drawn.map(block));
  tellPlace();
}

const sorted = (node) => [...node.children.values()].sort((a, b) => sizeOf(b) - sizeOf(a));

function block([node, depth, left, wide]) {
  const said = `${node.name}, ${threads(node.threads)}, ${number.format(node.leaked)} leaked`;
  const classes = [node.leaked ? 'leaky' : 'calm', node.isLeaf ? 'leaf' : '', depth && node.kinds.size ? '' : 'root'];
  const made = element('div', {
    class: classes.join(' '), role: 'treeitem', 'aria-level': depth + 1, 'aria-label': said, title: [said, node.place].filter(Boolean).join('\n'),
    'aria-expanded': node.children.size ? 'true' : null, 'aria-selected': String(node === icicle.at), tabindex: node === icicle.at ? 0 : -1,
    onclick: () => { icicle.at = node; zoomTo(node); },
    onfocus: () => select(node, made),
  }, wide > 28 ? node.name : '');
  Object.assign(made.style, { left: left + 'px', width: Math.max(wide - 1, 1) + 'px', top: depth * LEVEL_PX + 'px' });
  made.node = node;
  return made;
}

function select(node, made) {
  icicle.at = node;
  for (const each of byId('icicle').children) {
    each.tabIndex = each === made ? 0 : -1;
    each.setAttribute('aria-selected', String(each === made));
  }
  tellPlace();
}

function tellPlace() {
  const { name, place, threads: count, leaked } = icicle.at;
  byId('place').replaceChildren(element('code', {}, name), ` ${place} · ${threads(count)}, ${number.format(leaked)} leaked`);
  byId('show-group').disabled = false;
}

function icicleKeys(event) {
  const at = icicle.at, siblings = at.parent ? sorted(at.parent) : [at];
  const beside = (step) => siblings[siblings.indexOf(at) + step];
  const targets = {
    ArrowDown: () => sorted(at)[0], ArrowUp: () => at.parent, ArrowLeft: () => beside(-1), ArrowRight: () => beside(1),
    Home: () => icicle.drawn[0][0],
  };
  if (event.key === 'Enter' || event.key === ' ') zoomTo(at);
  else if (event.key === 'Escape') zoomTo(icicle.zoomed.parent || icicle.root);
  else if (event.key in targets) {
    const next = targets[event.key]();
    [...byId('icicle').children].find((each) => each.node === next)?.focus();
  } else return;
  event.preventDefault();
}
