// What the reader does: filters, keys, wheel and drag; and the first view.

const element = id => document.getElementById(id);

function fillChoices() {
  const put = (select, values) => values.forEach(value => {
    const option = document.createElement('option');
    option.value = option.textContent = value;
    select.append(option);
  });
  put(element('node'), [...NODES].sort());
  put(element('kind'), [...new Set(events.map(event => `${event.lane}: ${event.kind}`))].sort());
  const boxes = document.querySelector('.lanes');
  for (const lane of lanes) {
    const label = document.createElement('label');
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = true;
    box.addEventListener('change', () => { lane.shown = box.checked; again(); });
    label.append(box, lane.name);
    boxes.append(label);
  }
}

function again() {
  choose();
  measure();
  redraw();
}

function whole() {
  look(-data.end * 0.01, data.end * 1.01);
}

// The failing expectation and what bears on it, with room on both sides.
function showFailure(choosing = true) {
  const place = data.divergence;
  if (!place) return whole();
  // An expectation may have been waited for long after all was decided: the beginning of that says enough.
  const lead = Math.max(Math.abs(place.since - place.at), 20000);
  look(Math.min(place.at, place.since) - lead, Math.min(place.until + lead, place.since + 5 * lead));
  if (choosing && first) {
    draw();
    select(first, false);
  }
}

for (const [id, key] of [['text', 'text'], ['node', 'node'], ['kind', 'kind']]) {
  element(id).addEventListener('input', event => { wish[key] = event.target.value; choose(); redraw(); });
}
element('in').addEventListener('click', () => zoom(0.5));
element('out').addEventListener('click', () => zoom(2));
element('fit').addEventListener('click', whole);
element('failure').addEventListener('click', () => showFailure());
element('failure').hidden = !data.divergence;
element('show')?.addEventListener('click', () => {
  showFailure();
  element('timeline').scrollIntoView();
  canvas.focus({preventScroll: true});
});

const KEYS = {
  ArrowLeft: () => pan(-0.1), ArrowRight: () => pan(0.1), '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1.6),
  '0': whole, f: () => showFailure(), '[': () => step(-1), ']': () => step(1),
};
canvas.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
list.addEventListener('keydown', event => {
  const by = {ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -1e9, End: 1e9}[event.key];
  if (!by || !listed.length) return;
  event.preventDefault();
  const at = chosen ? listed.indexOf(chosen) : -1;
  select(listed[Math.max(0, Math.min(listed.length - 1, at + by))], false);
});
list.addEventListener('scroll', () => requestAnimationFrame(paintList));

canvas.addEventListener('wheel', event => {
  const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
  // A plain wheel goes on to scroll the page.
  if (!sideways && !event.ctrlKey && !event.shiftKey) return;
  event.preventDefault();
  if (event.ctrlKey) zoom(event.deltaY > 0 ? 1.25 : 0.8, time(event.offsetX));
  else pan((sideways ? event.deltaX : event.deltaY) / (width - gutter));
}, {passive: false});

let drag = null;
canvas.addEventListener('pointerdown', event => {
  drag = {x: event.offsetX, from: view.from, to: view.to, moved: false};
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener('pointermove', event => {
  if (drag && Math.abs(event.offsetX - drag.x) > 3) drag.moved = true;
  if (drag?.moved) {
    const shift = (drag.x - event.offsetX) / (width - gutter) * (drag.to - drag.from);
    tip.hidden = true;
    return look(drag.from + shift, drag.to + shift);
  }
  const found = eventAt(event.offsetX, event.offsetY);
  tip.hidden = !found;
  if (!found) return;
  tip.textContent = `${ms(found.at)}  ${found.text.slice(0, 300)}`;
  tip.style.left = `${Math.max(0, Math.min(event.offsetX + 12, width - Math.min(tip.offsetWidth, width) - 4))}px`;
  tip.style.top = `${Math.max(0, Math.min(event.offsetY + 14, height - tip.offsetHeight - 2))}px`;
});
canvas.addEventListener('pointerup', event => {
  const found = drag && !drag.moved && eventAt(event.offsetX, event.offsetY);
  drag = null;
  if (found) select(found, false);
});
canvas.addEventListener('pointerleave', () => { tip.hidden = true; });

const dark = window.matchMedia('(prefers-color-scheme: dark)');
element('theme').addEventListener('click', () => {
  const root = document.documentElement.dataset;
  root.theme = (root.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark';
  readColours();
  draw();
});
dark.addEventListener('change', () => { readColours(); draw(); });
new ResizeObserver(() => { if (plot.clientWidth !== width) { measure(); redraw(); } }).observe(plot);

const began = new Date(data.epoch_ms);
element('began').dateTime = began.toISOString();
element('began').textContent = began.toLocaleString();
readColours();
fillChoices();
choose();
measure();
if (data.divergence) showFailure(); else whole();
draw();
fillList();
bringIntoList();
document.documentElement.dataset.loaded = performance.now().toFixed(0);
