// One time axis and the lanes below it, drawn on a canvas: only what is in view.

const canvas = document.getElementById('canvas');
const plot = document.getElementById('plot');
const tip = document.getElementById('tip');
const pen = canvas.getContext('2d');
const ROW = 18, HEAD = 26, GAP = 5;
const view = {from: 0, to: Math.max(data.end, 1)};
let gutter = 150, width = 0, height = 0, colours = {}, chosen = null;

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ['ground', 'raised', 'ink', 'quiet', 'rule', 'accent', 'good', 'bad', 'odd', 'mark', 'bad-ground']) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

const x = at => gutter + (at - view.from) / (view.to - view.from) * (width - gutter);
const time = px => view.from + (px - gutter) / (width - gutter) * (view.to - view.from);

function shownLanes() {
  return lanes.filter(lane => lane.shown);
}

function measure() {
  width = plot.clientWidth;
  gutter = width < 600 ? 76 : width < 1000 ? 190 : 290;
  const rows = shownLanes().reduce((sum, lane) => sum + lane.rows.length, 0);
  height = HEAD + rows * ROW + shownLanes().length * GAP + 4;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = `${height}px`;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
}

function fitText(text, room) {
  if (room < 14) return '';
  if (pen.measureText(text).width <= room) return text;
  const each = pen.measureText('n').width;
  const cut = text.slice(0, Math.max(0, Math.floor(room / each) - 1));
  return cut ? cut + '…' : '';
}

function draw() {
  pen.clearRect(0, 0, width, height);
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  pen.textBaseline = 'middle';
  const place = data.divergence;
  pen.save();
  pen.beginPath();
  pen.rect(gutter, 0, width - gutter, height);
  pen.clip();
  if (place) {
    pen.fillStyle = colours['bad-ground'];
    pen.fillRect(x(place.since), HEAD, Math.max(1, x(place.until) - x(place.since)), height);
  }
  grid();
  pen.restore();
  let top = HEAD;
  for (const lane of shownLanes()) {
    pen.fillStyle = colours.rule;
    pen.fillRect(0, top, width, 1);
    top += GAP;
    lane.rows.forEach((row, n) => {
      row.top = top;
      label(n === 0 ? lane.name : '', row.name, top);
      pen.save();
      pen.beginPath();
      pen.rect(gutter, top, width - gutter, ROW);
      pen.clip();
      drawRow(lane, row, top);
      pen.restore();
      top += ROW;
    });
  }
  if (place && place.at >= view.from && place.at <= view.to) {
    line(x(place.at), colours.bad, [5, 3]);
    pen.fillStyle = colours.bad;
    pen.textAlign = x(place.at) > width - 110 ? 'right' : 'left';
    pen.fillText('✗ look first', x(place.at) + (pen.textAlign === 'right' ? -4 : 4), HEAD - 4);
    pen.textAlign = 'left';
  }
  if (chosen && chosen.at >= view.from && chosen.at <= view.to) line(x(chosen.at), colours.accent, []);
}

function line(at, colour, dash) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(at, HEAD - 8);
  pen.lineTo(at, height);
  pen.stroke();
  pen.setLineDash([]);
}

function grid() {
  const span = view.to - view.from;
  const rough = span / Math.max(2, (width - gutter) / 110);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map(n => n * power).find(n => n >= rough));
  pen.textAlign = 'center';
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
    pen.fillStyle = colours.rule;
    pen.fillRect(x(at), HEAD - 6, 1, height);
    pen.fillStyle = colours.quiet;
    // The first label would begin under the names of the lanes.
    pen.textAlign = x(at) - gutter < 24 ? 'left' : 'center';
    pen.fillText(tick(at, step), pen.textAlign === 'left' ? Math.max(x(at), gutter) : x(at), 9);
  }
  pen.textAlign = 'left';
}

function tick(at, step) {
  if (step >= 1e6 || at >= 1e7) return `${(at / 1e6).toFixed(step >= 1e6 ? 0 : Math.min(6, Math.ceil(-Math.log10(step / 1e6))))} s`;
  return `${(at / 1000).toFixed(step >= 1000 ? 0 : 3)} ms`;
}

function label(lane, name, top) {
  const middle = top + ROW / 2;
  pen.fillStyle = colours.ink;
  if (lane) {
    pen.font = '600 12px system-ui, "DejaVu Sans", sans-serif';
    pen.fillText(lane, 8, middle);
  }
  pen.font = '11px system-ui, "DejaVu Sans", sans-serif';
  pen.fillStyle = colours.quiet;
  const start = 76;
  if (name && gutter > 100) {
    // The end of a name is what tells routes apart.
    const room = gutter - start - 6;
    let text = name.slice(-80);
    while (text.length > 3 && pen.measureText('…' + text).width > room) text = text.slice(1);
    pen.fillText(text === name ? name : '…' + text, start, middle);
  }
  pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
}

function drawRow(lane, row, top) {
  const list = row.shown;
  const begin = position(list, view.from - row.reach);
  const end = position(list, view.to + 1);
  if (lane.id === 'steps' || lane.id === 'faults' || lane.id === 'outages') {
    for (let n = begin; n < end; n++) bar(list[n], top);
    return;
  }
  if (row.bars) {
    pen.fillStyle = colours.good;
    pen.globalAlpha = 0.35;
    for (const [from, to] of row.bars) {
      if (to >= view.from && from <= view.to) pen.fillRect(x(from), top + 7, Math.max(1, x(to) - x(from)), 4);
    }
    pen.globalAlpha = 1;
  }
  if (end - begin > (width - gutter) / 4) density(list, begin, end, top); else signs(list, begin, end, top);
}

function bar(event, top) {
  const from = Math.max(x(event.at), gutter - 2), to = Math.min(x(event.until), width + 2);
  const w = Math.max(to - from, 2);
  const colour = event.grave === 3 ? colours.bad : event.grave === 2 ? colours.odd : colours.mark;
  pen.fillStyle = colour;
  pen.globalAlpha = event.grave ? 0.45 : 0.28;
  pen.fillRect(from, top + 2, w, ROW - 4);
  pen.globalAlpha = 1;
  pen.strokeStyle = colour;
  pen.lineWidth = event === chosen ? 2.5 : 1;
  pen.strokeRect(from + 0.5, top + 2.5, Math.max(w - 1, 1), ROW - 5);
  pen.fillStyle = colours.ink;
  const text = fitText(event.label, w - 6);
  if (text) pen.fillText(text, from + 4, top + ROW / 2 + 0.5);
  else if (event.sign) pen.fillText(event.sign, from + w + 1, top + ROW / 2 + 0.5);
}

// Signs that would lie on each other become one, with how many it stands for.
function signs(list, begin, end, top) {
  const middle = top + ROW / 2 + 0.5;
  for (let n = begin; n < end;) {
    const at = x(list[n].at);
    let best = list[n], last = n;
    while (last + 1 < end && x(list[last + 1].at) - at < 19) {
      last++;
      if (weight(list[last]) > weight(best)) best = list[last];
    }
    const many = last - n + 1;
    pen.fillStyle = best.first || best.grave === 3 ? colours.bad : best.grave === 2 ? colours.odd : best.minor ? colours.quiet : colours.mark;
    pen.textAlign = 'center';
    pen.fillText(best.minor ? '·' : best.sign, at, middle);
    pen.textAlign = 'left';
    if (many > 1) {
      pen.font = '9px system-ui, "DejaVu Sans", sans-serif';
      pen.fillText(many, at + 5, middle - 3);
      pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
    }
    if (best === chosen || best.first) {
      pen.strokeStyle = best === chosen ? colours.accent : colours.bad;
      pen.lineWidth = 1.6;
      pen.strokeRect(at - 7, top + 1.5, 14, ROW - 3);
    }
    n = last + 1;
  }
}

function weight(event) {
  return (event === chosen ? 20 : 0) + (event.first ? 10 : 0) + event.grave - (event.minor ? 1 : 0);
}

// How many in every three pixels, and where the grave ones are.
function density(list, begin, end, top) {
  const bins = new Map();
  let most = 1;
  for (let n = begin; n < end; n++) {
    const at = Math.floor((x(list[n].at) - gutter) / 3);
    const count = (bins.get(at) ?? 0) + 1;
    bins.set(at, count);
    if (count > most) most = count;
  }
  pen.fillStyle = colours.mark;
  for (const [at, count] of bins) {
    const tall = 3 + (ROW - 6) * Math.log(1 + count) / Math.log(1 + most);
    pen.fillRect(gutter + at * 3, top + ROW - 1 - tall, 2.4, tall);
  }
  for (let n = begin; n < end; n++) {
    const event = list[n];
    if (event.grave < 2 && !event.first && event !== chosen) continue;
    pen.fillStyle = event === chosen ? colours.accent : event.grave === 2 ? colours.odd : colours.bad;
    pen.textAlign = 'center';
    pen.fillText(event.sign, x(event.at), top + ROW / 2);
    pen.textAlign = 'left';
  }
}

// The event at a place of the canvas, or close to it.
function eventAt(px, py) {
  for (const lane of shownLanes()) {
    for (const row of lane.rows) {
      if (py < row.top || py >= row.top + ROW) continue;
      let best = null, nearest = 7;
      const list = row.shown;
      for (let n = position(list, time(px - 8) - row.reach); n < list.length && x(list[n].at) < px + 8; n++) {
        const event = list[n];
        const from = x(event.at), to = x(event.until ?? event.at);
        const off = px < from ? from - px : px > to ? px - to : 0;
        if (off < nearest || off === nearest && off === 0) { best = event; nearest = off; }
      }
      return best;
    }
  }
  return null;
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    draw();
    fillList();
  });
}

// Shows a stretch of time, inside the run and not below 50 microseconds.
function look(from, to) {
  const whole = Math.max(data.end, 1);
  const span = Math.min(Math.max(to - from, 50), whole * 1.04);
  let start = Math.max(-whole * 0.02, from);
  if (start + span > whole * 1.02) start = whole * 1.02 - span;
  view.from = start;
  view.to = start + span;
  redraw();
}

function zoom(factor, around) {
  around ??= chosen && chosen.at > view.from && chosen.at < view.to ? chosen.at : (view.from + view.to) / 2;
  look(around - (around - view.from) * factor, around + (view.to - around) * factor);
}

function pan(part) {
  const span = view.to - view.from;
  look(view.from + span * part, view.to + span * part);
}
