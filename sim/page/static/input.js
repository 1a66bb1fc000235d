// Pointer, wheel and keys; and the beginning.
const pointers = new Map();
let moved = 0, pinch = 0;

const where = (e) => {
  const r = canvas.getBoundingClientRect();
  return { x: e.clientX - r.left, y: e.clientY - r.top };
};
const shareOf = (x) => Math.max(0, Math.min(1, (x - stage.gutter) / (stage.width - stage.gutter)));

// hit finds what lies under a point: marks before arrows, the nearest first.
function hit(p, slack) {
  let best = null, near = slack;
  for (const s of stage.spots) {
    const d = Math.hypot(s.x - p.x, s.y - p.y) - 5;
    if (d < near) { near = d; best = s.m; }
  }
  if (best) return best;
  for (const l of stage.lines) {
    const dx = l.x1 - l.x0, dy = l.y1 - l.y0, long = dx * dx + dy * dy;
    const t = long ? Math.max(0, Math.min(1, ((p.x - l.x0) * dx + (p.y - l.y0) * dy) / long)) : 0;
    const d = Math.hypot(p.x - l.x0 - t * dx, p.y - l.y0 - t * dy) + (strength(l.m, false) < 0.2 ? 4 : 0);
    if (d < near) { near = d; best = l.m; }
  }
  return best;
}

canvas.addEventListener('pointerdown', (e) => {
  pointers.set(e.pointerId, where(e));
  canvas.setPointerCapture(e.pointerId);
  moved = 0;
  pinch = 0;
  canvas.classList.add('held');
});
canvas.addEventListener('pointermove', (e) => {
  const p = where(e), old = pointers.get(e.pointerId);
  if (!old) {
    const m = hit(p, 6);
    if (m !== state.hover) { state.hover = m; canvas.classList.toggle('hit', !!m); repaint(); }
    return;
  }
  pointers.set(e.pointerId, p);
  if (pointers.size === 2) {
    const [a, b] = [...pointers.values()], wide = Math.max(12, Math.abs(a.x - b.x));
    if (pinch) zoom(pinch / wide, shareOf((a.x + b.x) / 2));
    pinch = wide;
    moved = 99;
    return;
  }
  moved += Math.abs(p.x - old.x);
  look(state.left - ((p.x - old.x) / (stage.width - stage.gutter)) * state.span, state.span);
});
const release = (e) => {
  const p = pointers.get(e.pointerId);
  pointers.delete(e.pointerId);
  pinch = 0;
  canvas.classList.remove('held');
  if (!p || e.type !== 'pointerup' || moved > 5) return;
  const bar = (stage.bars || []).find((b) => p.x >= b.x0 && p.x <= b.x1 && p.y >= b.y && p.y <= b.y + 16);
  if (bar) { state.picked = bar.c.message; follow(bar.c.sequence); return; }
  pick(hit(p, e.pointerType === 'touch' ? 16 : 7));
};
canvas.addEventListener('pointerup', release);
canvas.addEventListener('pointercancel', release);
canvas.addEventListener('pointerleave', () => { if (state.hover) { state.hover = null; repaint(); } });
canvas.addEventListener('wheel', (e) => {
  if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) look(state.left + ((e.deltaX || e.deltaY) / 700) * state.span, state.span);
  else if (document.activeElement === canvas || e.ctrlKey || e.metaKey) zoom(Math.exp(Math.max(-120, Math.min(120, e.deltaY)) / 400), shareOf(where(e).x));
  else return; // the page scrolls until the diagram was chosen
  e.preventDefault();
}, { passive: false });

const jump = (e) => {
  const r = overview.getBoundingClientRect(), share = (e.clientX - r.left - stage.gutter) / (r.width - stage.gutter);
  look(share * scale.total - state.span / 2, state.span);
};
overview.addEventListener('pointerdown', (e) => { overview.setPointerCapture(e.pointerId); jump(e); });
overview.addEventListener('pointermove', (e) => { if (e.buttons) jump(e); });

// step goes to the next or previous shown message, in the order of sending.
function step(by) {
  const list = messages.filter((m) => shown(m) && (!state.sequence || m.sequence === state.sequence));
  if (!list.length) return;
  const now = state.picked ? state.picked.at : timeOf(state.left), at = list.indexOf(state.picked);
  let next = at + by;
  if (at < 0) next = by > 0 ? list.findIndex((m) => m.at >= now) : list.findLastIndex((m) => m.at < now);
  const m = list[Math.max(0, Math.min(list.length - 1, next))];
  pick(m);
  reveal(m.at, m.end);
}

const commands = {
  ArrowLeft: () => look(state.left - 0.15 * state.span, state.span),
  ArrowRight: () => look(state.left + 0.15 * state.span, state.span),
  PageUp: () => look(state.left - 0.9 * state.span, state.span),
  PageDown: () => look(state.left + 0.9 * state.span, state.span),
  Home: () => look(0, state.span),
  End: () => look(scale.total, state.span),
  '+': () => zoom(0.7, 0.5), '=': () => zoom(0.7, 0.5), '-': () => zoom(1 / 0.7, 0.5),
  0: () => look(0, scale.total * 1.06),
  ',': () => step(-1), '.': () => step(1),
  f: () => follow(state.sequence ? 0 : (state.picked && state.picked.sequence) || 0),
  Escape: () => { state.sequence = 0; by('sequence').value = ''; pick(null); },
};
canvas.addEventListener('keydown', (e) => {
  const run = commands[e.key];
  if (!run || e.ctrlKey || e.metaKey || e.altKey) return;
  e.preventDefault();
  run();
});
by('in').onclick = commands['+'];
by('out').onclick = commands['-'];
by('all').onclick = commands[0];
by('back').onclick = commands[','];
by('forth').onclick = commands['.'];
by('squeeze').onchange = (e) => { keepTime(() => { state.squeeze = e.target.checked; }); explain(); };
by('sequence').onchange = (e) => follow(Number(e.target.value));
by('pick').onchange = buildStory;
window.addEventListener('resize', repaint);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readColours(); explain(); repaint(); });

// The first window shows about three rounds, beginning a little before the first
// lie or fault.
function begin() {
  readColours();
  buildFilters();
  rescale();
  explain();
  buildStory();
  describe();
  const list = messages.filter(shown), turn = (data.story || []).find((s) => s.key && ['lie', 'fault', 'broken'].includes(s.kind));
  const room = canvas.clientWidth < 560 ? 40 : 110;
  let first = turn ? list.findIndex((m) => m.at >= turn.at) : 0;
  first = Math.max(0, (first < 0 ? list.length : first) - Math.round(room / 7));
  const from = list.length ? drawnOf(list[first].at) : 0, end = list[Math.min(list.length - 1, first + room)];
  const span = end ? drawnOf(end.end) - from : scale.total;
  look(from - 0.03 * span, span * 1.05);
}
begin();
