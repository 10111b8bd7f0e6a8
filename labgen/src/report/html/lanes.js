// Events to rows: which lane and row each is drawn in, and which of them the reader has asked for.

const LANES = [
  ['steps', 'Steps'], ['faults', 'Faults'], ['outages', 'Outages'], ['bgp', 'BGP'], ['routes', 'Routes'],
  ['packets', 'Packets'], ['logs', 'Logs'],
];
// More rows than this are shown as one.
const ROWS = 24;

// Bars that overlap go to rows below each other.
function packed(list) {
  const ends = [];
  const rows = [];
  for (const event of list) {
    let row = ends.findIndex(end => end <= event.at);
    // A step in another belongs below it, whatever ends when.
    const depth = (event.number ?? '').split(' ')[0].split('.').length - 1;
    if (row < depth) row = depth < ends.length && ends[depth] <= event.at ? depth : ends.findIndex((end, n) => n >= depth && end <= event.at);
    if (row < 0) row = Math.max(ends.length, depth);
    while (ends.length <= row) ends.push(-1), rows.push({name: '', all: []});
    ends[row] = event.until;
    rows[row].all.push(event);
  }
  return rows.filter(row => row.all.length);
}

// What tells a route from others, without what all of them have.
function brief(name) {
  return name.replace(/^l2vpn\/evpn type (\d+)/, 'type $1').replace(/ rd \S+/, '').replace(/ (mac|ip|from) /g, ' ');
}

function named(list) {
  const rows = new Map();
  for (const event of list) {
    if (!rows.has(event.row)) rows.set(event.row, {name: event.lane === 'routes' ? brief(event.row) : event.row, all: []});
    rows.get(event.row).all.push(event);
  }
  const all = [...rows.values()];
  if (all.length <= ROWS) return all;
  // Those with the most to say keep a row of their own.
  const weight = row => row.all.reduce((sum, event) => sum + (event.first ? 1e6 : event.grave * 100 + 1), 0);
  const kept = new Set([...all].sort((a, b) => weight(b) - weight(a)).slice(0, ROWS - 1));
  const rest = all.filter(row => !kept.has(row));
  const more = {name: `${rest.length} more`, all: rest.flatMap(row => row.all).sort((a, b) => a.at - b.at)};
  return [...all.filter(row => kept.has(row)), more];
}

const lanes = LANES.map(([id, name]) => {
  const own = events.filter(event => event.lane === id);
  const bars = id === 'steps' || id === 'faults';
  return {id, name, shown: true, rows: bars ? packed(own) : named(own)};
}).filter(lane => lane.rows.length);

for (const lane of lanes) {
  for (const row of lane.rows) {
    row.shown = row.all;
    // How long the longest bar is: what is in view may have begun that much earlier.
    row.reach = row.all.reduce((most, event) => Math.max(most, (event.until ?? event.at) - event.at), 0);
  }
  if (lane.id === 'routes') lane.rows.forEach(lasting);
}

// From when to when each neighbour was told of a route.
function lasting(row) {
  const open = new Map();
  row.bars = [];
  for (const event of row.all) {
    const [from, to] = event.nodes.length === 2 ? event.nodes : [event.text.split(' ')[0], ''];
    const key = `${from} ${to}`;
    if (event.kind === 'withdrawn' && open.has(key)) {
      row.bars.push([open.get(key), event.at]);
      open.delete(key);
    } else if (event.kind === 'announced' && !open.has(key)) {
      open.set(key, event.at);
    }
  }
  for (const at of open.values()) row.bars.push([at, data.end]);
}

const wish = {text: '', node: '', kind: ''};

function asked(event) {
  if (wish.node && !event.nodes.includes(wish.node)) {
    // Packets and routes name addresses; the words of the rest name nodes.
    if (!event.text.includes(wish.node)) return false;
  }
  if (wish.kind && `${event.lane}: ${event.kind}` !== wish.kind) return false;
  if (!wish.text) return true;
  event.hay ??= `${event.lane} ${event.kind} ${event.row ?? ''} ${event.text} ${event.more ?? ''}`.toLowerCase();
  return wish.text.toLowerCase().split(/\s+/).filter(Boolean).every(word =>
    word.length > 1 && word[0] === '-' ? !event.hay.includes(word.slice(1)) : event.hay.includes(word));
}

let wanted = events;
function choose() {
  const all = !wish.text && !wish.node && !wish.kind;
  for (const lane of lanes) {
    for (const row of lane.rows) row.shown = all ? row.all : row.all.filter(asked);
  }
  const hidden = new Set(lanes.filter(lane => !lane.shown).map(lane => lane.id));
  wanted = events.filter(event => !hidden.has(event.lane) && (all || asked(event)));
}

// The first of a sorted list that is not before `at`.
function position(list, at) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].at < at) low = middle + 1; else high = middle;
  }
  return low;
}
