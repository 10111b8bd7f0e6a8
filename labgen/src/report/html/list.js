// The events in view as a list: as many elements as fit, whatever the number of events.

const list = document.getElementById('list');
const room = list.querySelector('.room');
const detail = document.getElementById('detail');
const LINE = 22;
let listed = [];

function fillList() {
  const begin = position(wanted, view.from);
  const end = position(wanted, view.to + 1);
  // Bars that began before and are not over belong to the view as well.
  const before = wanted.slice(0, begin).filter(event => event.until > view.from && event.lane !== 'packets');
  listed = before.concat(wanted.slice(begin, end));
  document.getElementById('count').textContent =
    `${listed.length} of ${events.length} events, ${ms(view.from < 0 ? 0 : view.from)} to ${ms(Math.min(view.to, data.end))}`;
  room.style.height = `${listed.length * LINE}px`;
  paintList();
}

function paintList() {
  const from = Math.max(0, Math.floor(list.scrollTop / LINE) - 4);
  const to = Math.min(listed.length, from + Math.ceil(list.clientHeight / LINE) + 8);
  const rows = [];
  for (let n = from; n < to; n++) rows.push(lineOf(listed[n], n));
  room.replaceChildren(...rows);
}

function lineOf(event, n) {
  const row = document.createElement('div');
  row.className = 'row';
  row.setAttribute('role', 'option');
  row.style.top = `${n * LINE}px`;
  row.classList.toggle('bad', event.grave === 3);
  row.classList.toggle('odd', event.grave === 2);
  row.classList.toggle('first', Boolean(event.first));
  row.classList.toggle('chosen', event === chosen);
  row.setAttribute('aria-selected', String(event === chosen));
  for (const text of [ms(event.at), event.kind, event.row ?? event.lane, `${event.first ? '✗ look first: ' : ''}${event.text}`]) {
    const cell = document.createElement('span');
    cell.textContent = text;
    row.append(cell);
  }
  row.addEventListener('click', () => select(event));
  return row;
}

// Chooses an event: its words below the canvas, its line in the list, its place on the axis.
function select(event, follow = true) {
  chosen = event;
  detail.replaceChildren();
  const title = document.createElement('b');
  const lasts = event.until !== undefined && event.until > event.at ? ` to ${ms(event.until)} (${ms(event.until - event.at)})` : '';
  title.textContent = `${ms(event.at)}${lasts} · ${event.lane} · ${event.kind}${event.frame ? ` · frame ${event.frame}, ${event.length} octets` : ''}`;
  detail.append(title, `\n${event.text}${event.more ?? ''}`);
  const span = view.to - view.from;
  if (follow && (event.at < view.from || event.at > view.to)) look(event.at - span / 2, event.at + span / 2);
  draw();
  fillList();
  bringIntoList();
}

function bringIntoList() {
  const at = listed.indexOf(chosen);
  if (at < 0) return;
  const top = at * LINE;
  if (top < list.scrollTop || top + LINE > list.scrollTop + list.clientHeight) {
    list.scrollTop = top - list.clientHeight / 2;
  }
  paintList();
}

// The next event in time, or the one before.
function step(by) {
  const from = chosen ? wanted.indexOf(chosen) : by > 0 ? position(wanted, view.from) - 1 : position(wanted, view.to);
  const next = wanted[Math.max(0, Math.min(wanted.length - 1, from + by))];
  if (next) select(next);
}
