// From time to place and back. Drawn time is time in which stretches without any
// shown event are squeezed, and busy ones stretched; the window is a part of it.
const scale = { times: [0, last], drawn: [0, last], breaks: [], total: last };

function median(list) {
  const sorted = list.slice().sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : 1;
}

const flight = Math.max(1, median(messages.filter((m) => m.fate === 'arrived' && m.phase !== 'status').map((m) => m.arrives - m.at)));

// evened is the drawn length of a stretch between two events: less than its time
// if nothing happens for long, more if much happens at once.
function evened(gap) {
  const times = gap / flight;
  return flight * (times < 1 ? Math.pow(times, 0.45) : 1 + 0.08 * Math.log2(times));
}

function rescale() {
  const times = [0, last];
  for (const m of messages) if (shown(m)) times.push(m.at, m.end);
  for (const m of marks) if (shownMark(m)) times.push(m.at);
  times.sort((a, b) => a - b);
  scale.times = [0];
  scale.drawn = [0];
  scale.breaks = [];
  let u = 0;
  for (let i = 0, before = 0; i < times.length; before = times[i++]) {
    const gap = times[i] - before;
    if (gap <= 0) continue;
    const wide = state.squeeze ? evened(gap) : gap;
    if (state.squeeze && gap > 8 * flight) scale.breaks.push({ from: u, to: u + wide, gap });
    u += wide;
    scale.times.push(times[i]);
    scale.drawn.push(u);
  }
  scale.total = Math.max(u, 1);
}

function interpolate(from, to, x) {
  let low = 0, high = from.length - 1;
  if (x <= from[0]) return to[0];
  if (x >= from[high]) return to[high];
  while (high - low > 1) {
    const mid = (low + high) >> 1;
    if (from[mid] <= x) low = mid; else high = mid;
  }
  return to[low] + ((x - from[low]) / (from[high] - from[low])) * (to[high] - to[low]);
}
const drawnOf = (t) => interpolate(scale.times, scale.drawn, t);
const timeOf = (u) => interpolate(scale.drawn, scale.times, u);

// look sets the window, within the run and not closer than a few microseconds.
function look(left, span) {
  const margin = 0.04 * span;
  state.span = Math.min(Math.max(span, 8), scale.total * 1.08);
  state.left = Math.max(-margin, Math.min(left, scale.total + margin - state.span));
  if (state.span >= scale.total) state.left = (scale.total - state.span) / 2;
  repaint();
}

function zoom(factor, about) {
  const u = state.left + about * state.span;
  const span = Math.min(Math.max(state.span * factor, 8), scale.total * 1.08);
  look(u - about * span, span);
}

// reveal moves the window so that a time is well inside.
function reveal(from, to) {
  const a = drawnOf(from), b = drawnOf(to === undefined ? from : to);
  if (a >= state.left + 0.08 * state.span && b <= state.left + 0.92 * state.span) { repaint(); return; }
  look((a + b) / 2 - state.span / 2, Math.max(state.span, (b - a) * 1.3));
}

// keepTime changes what is shown and keeps the time in the middle where it is.
function keepTime(change) {
  const time = timeOf(state.left + state.span / 2), share = state.span / scale.total;
  change();
  rescale();
  look(drawnOf(time) - (share * scale.total) / 2, share * scale.total);
}

function clock(us, step) {
  if (us < 1000 && (step === undefined || step < 1000)) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(step === undefined ? 2 : Math.max(0, 3 - Math.floor(Math.log10(step))))} ms`;
  return `${(us / 1e6).toFixed(step === undefined ? 4 : Math.max(0, Math.min(6, 6 - Math.floor(Math.log10(step)))))} s`;
}
