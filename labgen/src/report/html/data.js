// The data of the page to events. What comes from the lab is only ever put in as text, never as markup.

window.addEventListener('error', event => {
  document.documentElement.dataset.error = event.message;
});

const data = JSON.parse(document.getElementById('data').textContent);

// Lab time for people, as the terminal shows it.
function ms(us) {
  const floor = (value, digits) => (Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits);
  if (us < 1e4) return floor(us / 1e3, 2) + ' ms';
  if (us < 1e6) return floor(us / 1e3, 0) + ' ms';
  if (us < 1e7) return floor(us / 1e6, 2) + ' s';
  if (us < 1.2e8) return floor(us / 1e6, 1) + ' s';
  return `${floor(us / 6e7, 0)} min ${floor(us / 1e6 % 60, 0)} s`;
}

const GRAVE = {odd: 2, bad: 3};
const LETTERS = {
  open: 'O', update: 'U', withdraw: 'W', 'end-of-rib': 'E', notification: 'N', keepalive: 'K', refresh: 'R', broken: '?',
};
const LEVELS = ['debug', 'info', 'warning', 'error'];

// An event: when (`at`, and `until` for what lasts), where it is drawn (`lane`, `row`), its `kind`, the `nodes` it
// concerns, a `sign` that does without colour, how `grave` it is (0 to 3), and its `text`.
const events = [];

function add(event) {
  events.push(event);
}

for (const [at, until, number, title, state, seen, expected] of data.steps) {
  const failed = state === 'failed';
  const more = failed ? `\nexpected: ${expected}\nseen: ${seen}` : seen ? `\nseen: ${seen}` : '';
  add({
    lane: 'steps', at, until: until ?? data.end, kind: state, number,
    label: `${failed ? '✗ ' : ''}${number} ${title}`, grave: failed ? GRAVE.bad : 0,
    sign: failed ? '✗' : '', text: `step ${number}: ${title} (${state})`, more,
  });
}

for (const [at, until, action, on, seen] of data.faults) {
  add({
    lane: 'faults', at, until, kind: action, grave: GRAVE.odd, sign: '!', label: `${action} ${on}`,
    text: `${action} ${on}`, more: seen ? `\n${seen}` : '', nodes: [on, ...seen.split(/[\s,:/]+/)],
  });
}

for (const [at, until, flow, lost] of data.outages) {
  add({
    lane: 'outages', row: flow, at, until, kind: 'outage', grave: GRAVE.bad, sign: '✗', label: ms(until - at),
    text: `${flow}: no traffic for ${ms(until - at)}, ${lost} ${lost === 1 ? "probe" : "probes"} lost`,
  });
}

for (const [at, from, to, kind, text, capture, frame] of data.messages) {
  add({
    lane: 'bgp', row: from < to ? `${from} – ${to}` : `${to} – ${from}`, at, kind, sign: LETTERS[kind],
    minor: kind === 'keepalive', grave: kind === 'notification' || kind === 'broken' ? GRAVE.bad : 0,
    text: `${from} → ${to} ${text}`, nodes: [from, to], more: `\nframe ${frame} of ${capture}`,
  });
}

for (const [at, place, gone, from, to, text] of data.routes) {
  add({
    lane: 'routes', row: data.destinations[place], at, kind: gone ? 'withdrawn' : 'announced', sign: gone ? '▽' : '▲',
    grave: 0, text: `${from} → ${to} ${text}`, nodes: [from, to],
  });
}

for (const capture of data.captures) {
  capture.at.forEach((at, n) => add({
    lane: 'packets', row: capture.name, at, kind: capture.protocol[n], sign: capture.protocol[n][0], grave: 0,
    text: capture.text[n], frame: capture.frame[n], length: capture.length[n],
  }));
}

for (const log of data.logs) {
  const node = log.name.replace(/^logs\//, '').replace(/\.log$/, '');
  for (const [at, level, timed, text] of log.lines) {
    add({
      lane: 'logs', row: node, at, kind: LEVELS[level], grave: level > 1 ? level : 0, minor: level === 0,
      sign: ['·', 'i', '▲', '■'][level], text, nodes: [node.split('.')[0]],
      more: timed ? '' : '\n(the line does not say when; it follows one that does)',
    });
  }
}

events.sort((a, b) => a.at - b.at || (b.until ?? b.at) - (a.until ?? a.at));
// With the words of a step, an event concerns the nodes that are named there.
const NODES = new Set(events.flatMap(event => event.lane === 'logs' || event.lane === 'bgp' ? event.nodes : []));
for (const event of events) {
  event.nodes = event.nodes ? event.nodes.filter(node => NODES.has(node)) : [];
  if (event.lane === 'steps') event.nodes = event.text.split(/[^\w.-]+/).filter(word => NODES.has(word));
}

// The event to look at first: of those at that time, the one that says the most about it.
function firstDivergence() {
  const place = data.divergence;
  if (!place) return null;
  const near = events.filter(event => Math.abs(event.at - place.at) <= 1);
  const said = near.filter(event => event.text.includes(place.what.slice(-60)) || place.what.includes(event.text));
  const order = ['faults', 'routes', 'bgp', 'packets', 'logs', 'steps'];
  const best = list => list.sort((a, b) => order.indexOf(a.lane) - order.indexOf(b.lane))[0];
  return best(said) ?? best(near) ?? null;
}
const first = firstDivergence();
if (first) first.first = true;
