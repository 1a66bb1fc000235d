// The diagram: bands for views and batches on top, then the lanes with the
// arrows between them.
const canvas = document.getElementById('canvas');
const overview = document.getElementById('overview');
const stage = { gutter: 60, width: 0, height: 0, top: 0, gap: 60, rows: 2, y: new Map(), lines: [], spots: [] };
let queued = false;

function repaint() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => { queued = false; paintAll(); });
}

const xOf = (t) => stage.gutter + ((drawnOf(t) - state.left) / state.span) * (stage.width - stage.gutter);
const bandY = (row) => 44 + row * 19;

function arrange() {
  const visible = order.filter((i) => state.lanes.has(i)), narrow = canvas.clientWidth < 560;
  stage.width = canvas.clientWidth;
  stage.gutter = narrow ? 40 : 66;
  stage.rows = narrow ? 2 : 3;
  stage.top = bandY(stage.rows) + 26;
  const room = (window.innerHeight - 560) / Math.max(1, visible.length - 1);
  stage.gap = visible.length > 9 ? 40 : narrow ? 56 : Math.max(62, Math.min(96, room));
  stage.y = new Map(visible.map((p, i) => [p, stage.top + i * stage.gap]));
  stage.height = stage.top + Math.max(0, visible.length - 1) * stage.gap + 30;
}

function paintAll() {
  arrange();
  const g = fit(canvas, stage.height);
  const from = timeOf(state.left), to = timeOf(state.left + state.span);
  paintFaults(g, from, to);
  paintLanes(g, from, to);
  paintBreaks(g);
  paintMessages(g, from, to);
  paintMarks(g, from, to);
  paintHover(g);
  paintBands(g, from, to);
  paintGutter(g);
  paintOverview();
}

function clip(a, b) {
  return [Math.max(stage.gutter, Math.min(stage.width, xOf(a))), Math.max(stage.gutter, Math.min(stage.width, xOf(b)))];
}

function paintFaults(g, from, to) {
  const bottom = stage.height - 12;
  for (const c of cuts) {
    if (c.to < from || c.from > to) continue;
    const [a, b] = clip(c.from, c.to);
    g.fillStyle = colours.veil;
    g.fillRect(a, stage.top - 24, b - a, bottom - stage.top + 24);
    g.fillStyle = colours.bad;
    g.font = fontOf(11);
    g.textAlign = 'left';
    g.textBaseline = 'alphabetic';
    if (b - a > 40) g.fillText(short(g, `cut: ${c.mark.text}`, b - a - 8), a + 4, bottom + 8);
  }
}

function paintLanes(g, from, to) {
  for (const party of stage.y.keys()) {
    const y = stage.y.get(party);
    if (data.parties[party].liar) {
      g.fillStyle = colours.veil;
      g.fillRect(stage.gutter, y - stage.gap * 0.3, stage.width, stage.gap * 0.6);
    }
    g.strokeStyle = colours.lane;
    g.lineWidth = 1.2;
    line(g, stage.gutter, y, stage.width, y);
  }
  for (const s of stays) {
    const y = stage.y.get(s.party);
    if (y === undefined || s.to < from || s.from > to) continue;
    const [a, b] = clip(s.from, s.to);
    if (s.active && primaryOf(s.view) === s.party) {
      g.strokeStyle = colours.primary;
      g.lineWidth = 6;
      line(g, a, y, b, y);
    } else if (!s.active) {
      g.strokeStyle = colours.paper;
      g.lineWidth = 3;
      line(g, a, y, b, y);
      g.strokeStyle = colours.viewchange;
      g.lineWidth = 1.5;
      g.setLineDash([3, 4]);
      line(g, a, y, b, y);
      g.setLineDash([]);
    }
  }
  for (const [list, dash] of [[downs, [1, 5]], [pauses, [5, 3]]]) {
    for (const d of list) {
      const y = stage.y.get(d.party);
      if (y === undefined || d.to < from || d.from > to) continue;
      const [a, b] = clip(d.from, d.to);
      g.strokeStyle = colours.paper;
      g.lineWidth = 9;
      line(g, a, y, b, y);
      g.strokeStyle = colours.bad;
      g.lineWidth = 2;
      g.setLineDash(dash);
      line(g, a, y, b, y);
      g.setLineDash([]);
    }
  }
}

function paintBreaks(g) {
  for (const b of scale.breaks) {
    const x = stage.gutter + (((b.from + b.to) / 2 - state.left) / state.span) * (stage.width - stage.gutter);
    const wide = ((b.to - b.from) / state.span) * (stage.width - stage.gutter);
    if (x < stage.gutter || x > stage.width || wide < 12) continue;
    for (const y of stage.y.values()) {
      g.fillStyle = colours.paper;
      g.fillRect(x - 3, y - 5, 6, 10);
      g.strokeStyle = colours.lane;
      g.lineWidth = 1.2;
      line(g, x - 5, y + 5, x - 1, y - 5);
      line(g, x + 1, y + 5, x + 5, y - 5);
    }
    if (wide > 46) {
      g.font = fontOf(10.5);
      g.fillStyle = colours.soft;
      g.textAlign = 'center';
      g.textBaseline = 'alphabetic';
      g.fillText('+' + clock(b.gap, b.gap / 10), x, stage.height - 4);
    }
  }
}

// strength is how much of a message is to be seen: what is not followed recedes.
function strength(m, many) {
  if (m === state.picked || m === state.hover) return 1;
  if (state.sequence && m.sequence !== state.sequence) return 0.1;
  const muted = m.phase === 'status' || m.phase === 'repair';
  return (muted ? 0.55 : 0.9) * (many ? 0.6 : 1);
}

function paintMessages(g, from, to) {
  stage.lines = [];
  let list = messages.filter((m) => m.end >= from && m.at <= to && shown(m));
  const many = list.length > 1500, every = Math.ceil(list.length / 8000);
  if (every > 1) list = list.filter((m, i) => i % every === 0 || rare(m));
  stage.note = every > 1 ? `1 of ${every} arrows drawn: zoom in for all` : '';
  for (const m of list) {
    const x0 = xOf(m.at), y0 = stage.y.get(m.from), y1 = stage.y.get(m.to), x1 = xOf(m.end);
    stage.lines.push({ m, x0, y0, x1, y1 });
  }
  let single = stage.lines;
  if (many) {
    paintCrowd(g, stage.lines.filter((l) => !rare(l.m)));
    single = stage.lines.filter((l) => rare(l.m));
  }
  single.sort((a, b) => strength(a.m, many) - strength(b.m, many));
  for (const l of single) paintMessage(g, l, many);
  g.globalAlpha = 1;
  g.setLineDash([]);
}

// rare messages are drawn one by one, however many there are.
function rare(m) {
  return m === state.picked || m === state.hover || m.altered || (state.sequence > 0 && m.sequence === state.sequence);
}

// paintCrowd draws all lines of a phase at once: many thousands in a moment.
function paintCrowd(g, lines) {
  for (const followed of [false, true]) {
    for (const p of data.phases) {
      g.beginPath();
      for (const l of lines) {
        if (l.m.phase !== p.key || (state.sequence > 0 && l.m.sequence === state.sequence) !== followed) continue;
        g.moveTo(l.x0, l.y0);
        g.lineTo(l.x1, l.y1);
      }
      g.strokeStyle = colours[p.key];
      g.lineWidth = 1;
      g.globalAlpha = state.sequence > 0 && !followed ? 0.08 : 0.5;
      g.stroke();
    }
  }
}

// paintHover names what the pointer is on.
function paintHover(g) {
  const l = stage.lines.find((x) => x.m === state.hover), m = state.hover;
  if (!l) return;
  const text = `${m.type.name} ${m.sequence ? `at ${m.sequence}, ` : ''}${nameOf(m.from)} → ${nameOf(m.to)}${m.digest ? ', ' + m.digest.slice(0, 4) : ''}`;
  g.font = fontOf(11, true);
  const wide = g.measureText(text).width + 8;
  tag(g, Math.max(stage.gutter, Math.min(stage.width - wide, (l.x0 + l.x1) / 2 + 10)), (l.y0 + l.y1) / 2, text, colours.ink, colours.paper);
}

function paintMessage(g, l, many) {
  const { m, x0, y0 } = l, special = m === state.picked || m === state.hover;
  const way = m.fate === 'lost' ? 0.55 : m.fate === 'withheld' ? 0 : 1;
  let x1 = x0 + (l.x1 - x0) * way, y1 = y0 + (l.y1 - y0) * way;
  if (m.fate === 'lost') x1 = x0 + Math.max(14, Math.min(40, (flight / state.span) * (stage.width - stage.gutter) * 0.55));
  if (m.fate === 'withheld') { x1 = x0 + 9; y1 = y0 + Math.sign(l.y1 - y0) * 15; }
  l.x1 = x1;
  l.y1 = y1;
  g.globalAlpha = strength(m, many);
  if (special) {
    g.strokeStyle = colours.primary;
    g.lineWidth = 7;
    line(g, x0, y0, x1, y1);
  }
  g.strokeStyle = g.fillStyle = colours[m.phase];
  g.lineWidth = special ? 2.6 : m.phase === 'viewchange' || m.phase === 'newview' || m.phase === 'evidence' ? 2 : 1.4;
  g.setLineDash(m.fate !== 'arrived' ? [4, 3] : m.phase === 'repair' || m.phase === 'status' ? [2, 3] : []);
  line(g, x0, y0, x1, y1);
  g.setLineDash([]);
  if (m.fate === 'arrived') {
    if (!many || special) head(g, x0, y0, x1, y1, special ? 11 : 8);
  } else {
    g.strokeStyle = colours.bad;
    g.lineWidth = 2;
    if (m.fate === 'withheld') { disc(g, x1, y1, 4, colours.paper, colours.bad); line(g, x1 - 3, y1 + 3, x1 + 3, y1 - 3); } else cross(g, x1, y1, 4);
  }
  if (m.altered && (!many || special)) unequal(g, x0 + (x1 - x0) * 0.3, y0 + (y1 - y0) * 0.3);
}

function paintMarks(g, from, to) {
  stage.spots = [];
  g.textBaseline = 'alphabetic';
  const seen = new Map();
  for (const m of marks) {
    if (m.at < from || m.at > to || !shownMark(m) || (m.kind === 'started' && m.at === 0)) continue;
    const x = xOf(m.at), y = m.party < 0 ? stage.top - 20 : stage.y.get(m.party);
    g.globalAlpha = state.sequence && m.sequence && m.sequence !== state.sequence ? 0.2 : 1;
    if (m === state.picked || m === state.hover) disc(g, x, y, 11, colours.primary);
    if (m.kind === 'cut' || m.kind === 'healed') { stage.spots.push({ m, x, y }); continue; }
    const pill = m.kind === 'asked' || m.kind === 'entered', near = pill && x - (seen.get(m.party) ?? -99) < 52;
    if (pill && !near) seen.set(m.party, x);
    shape(g, near && m !== state.picked ? { kind: 'thin' } : m, x, y);
    stage.spots.push({ m, x, y: m.kind === 'asked' || m.kind === 'entered' ? y - 13 : y });
    if (m.kind === 'executed' || m.kind === 'stable') {
      const text = String(m.sequence), key = m.party + m.kind;
      if (x - (seen.get(key) ?? -99) < 9 + 6 * text.length) continue;
      seen.set(key, x);
      g.font = fontOf(11, true);
      g.fillStyle = m.kind === 'executed' ? colours.commit : colours.checkpoint;
      g.textAlign = 'center';
      g.fillText(text, x, y + 19);
    }
  }
  g.globalAlpha = 1;
}

function short(g, text, width) {
  if (g.measureText(text).width <= width) return text;
  let n = text.length;
  while (n > 0 && g.measureText(text.slice(0, n) + '…').width > width) n--;
  return n > 1 ? text.slice(0, n) + '…' : '';
}

function paintBands(g, from, to) {
  g.fillStyle = colours.paper;
  g.fillRect(0, 0, stage.width, stage.top - 30);
  paintAxis(g);
  g.textBaseline = 'middle';
  g.textAlign = 'left';
  for (const r of reigns) {
    if (r.to < from || r.from > to) continue;
    const [a, b] = clip(r.from, r.to);
    g.fillStyle = colours.primary;
    g.globalAlpha = r.view % 2 ? 0.75 : 0.4;
    g.fillRect(a, 22, Math.max(1, b - a - 1), 16);
    g.globalAlpha = 1;
    g.fillStyle = colours.ink;
    g.font = fontOf(11.5, true);
    g.fillText(short(g, `view ${r.view}: primary ${nameOf(primaryOf(r.view))}`, b - a - 8), a + 5, 30.5);
  }
  paintCourses(g, from, to);
}

// paintCourses draws each batch as a bar of its phases, in the first free row.
function paintCourses(g, from, to) {
  const free = Array.from({ length: stage.rows }, () => []);
  stage.bars = [];
  for (const c of courses.filter((x) => x.sequence === state.sequence).concat(courses.filter((x) => x.sequence !== state.sequence))) {
    const start = c.steps[0].at;
    if (c.to < from || start > to) continue;
    const a = xOf(start), b = Math.max(xOf(c.to), a + 3), row = free.findIndex((list) => list.every(([x, y]) => b + 1 < x || a > y));
    if (row < 0) continue;
    free[row].push([a, b]);
    const y = bandY(row);
    g.globalAlpha = state.sequence && c.sequence !== state.sequence ? 0.25 : 1;
    c.steps.forEach((s, i) => {
      const x0 = Math.max(stage.gutter, xOf(s.at)), x1 = Math.max(x0, i + 1 < c.steps.length ? xOf(c.steps[i + 1].at) : b);
      g.fillStyle = colours[s.phase];
      g.fillRect(x0, y, x1 - x0, 15);
    });
    g.font = fontOf(10.5, true);
    g.fillStyle = colours.paper;
    g.textAlign = 'left';
    const x = Math.max(a, stage.gutter) + 4;
    const two = c.digests.length > 1 ? ' ≠ ' : ' ';
    const full = `${c.sequence}${c.again ? ' again' : ''}${c.executed.length || c.before ? '' : ' not executed'}: ${c.digests.map((d) => d.slice(0, 4)).join(two)}`;
    const label = g.measureText(full).width < b - x - 3 ? full : String(c.sequence);
    if (g.measureText(label).width < b - x) g.fillText(label, x, y + 8);
    stage.bars.push({ c, x0: a, x1: b, y });
  }
  g.globalAlpha = 1;
}

function paintAxis(g) {
  g.font = fontOf(11);
  g.fillStyle = colours.soft;
  g.strokeStyle = colours.line;
  g.lineWidth = 1;
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  const wide = stage.width - stage.gutter, every = stage.width < 560 ? 84 : 96;
  let end = stage.gutter - 10;
  for (let x = 40; x < wide; x += every) {
    const t = timeOf(state.left + (x / wide) * state.span);
    const near = timeOf(state.left + ((x + every / 2) / wide) * state.span) - timeOf(state.left + ((x - every / 2) / wide) * state.span);
    const step = Math.max(1, 10 ** Math.floor(Math.log10(Math.max(1, near))));
    const round = Math.round(t / step) * step, at = xOf(round), label = clock(round, step), half = g.measureText(label).width / 2;
    if (at - half < end + 8 || at + half > stage.width) continue;
    end = at + half;
    g.fillText(label, at, 9);
    line(g, at, 16, at, 20);
  }
}

function paintGutter(g) {
  g.fillStyle = colours.paper;
  g.fillRect(0, 0, stage.gutter - 4, stage.height);
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  const x = stage.gutter - 8;
  g.fillStyle = colours.soft;
  g.font = fontOf(11);
  if (stage.gutter > 50) {
    g.fillText('view', x, 30.5);
    g.fillText('batches', x, bandY(0) + 8);
  }
  for (const [party, y] of stage.y) {
    const p = data.parties[party];
    g.font = fontOf(14, true);
    g.fillStyle = p.liar ? colours.bad : colours.ink;
    g.fillText(p.name, x, p.liar ? y - 5 : y);
    if (p.liar) {
      g.font = fontOf(11);
      g.fillText('lies', x, y + 9);
    }
  }
}

// paintOverview shows the whole run: how many messages of which phase, and the
// window.
function paintOverview() {
  const height = 46, g = fit(overview, height), w = overview.clientWidth, wide = w - stage.gutter;
  const bins = Math.max(1, Math.floor(wide / 3)), at = (t) => drawnOf(t) / scale.total;
  const counts = data.phases.map(() => new Uint32Array(bins));
  for (const m of messages) if (shown(m)) counts[m.type.phase][Math.min(bins - 1, Math.floor(at(m.at) * bins))]++;
  let most = 1;
  for (let i = 0; i < bins; i++) most = Math.max(most, counts.reduce((sum, c) => sum + c[i], 0));
  g.fillStyle = colours.ground;
  g.fillRect(stage.gutter, 0, wide, height);
  for (let i = 0; i < bins; i++) {
    let y = height;
    counts.forEach((c, p) => {
      if (!c[i]) return;
      const h = Math.max(1, (c[i] / most) * (height - 8));
      g.fillStyle = colours[data.phases[p].key];
      g.fillRect(stage.gutter + (i / bins) * wide, y - h, wide / bins, h);
      y -= h;
    });
  }
  g.fillStyle = colours.bad;
  for (const s of data.story || []) {
    if (s.key && s.kind !== 'order' && s.kind !== 'checkpoint') g.fillRect(stage.gutter + at(s.at) * wide - 1, 0, 2, 6);
  }
  const x0 = stage.gutter + Math.max(0, (state.left / scale.total) * wide);
  const x1 = stage.gutter + Math.min(wide, ((state.left + state.span) / scale.total) * wide);
  g.strokeStyle = colours.ink;
  g.lineWidth = 2;
  g.strokeRect(x0 + 1, 1, Math.max(4, x1 - x0 - 2), height - 2);
  g.fillStyle = colours.soft;
  g.font = fontOf(11);
  g.textAlign = 'right';
  g.textBaseline = 'middle';
  g.fillText(stage.gutter > 50 ? 'whole run' : 'all', stage.gutter - 8, height / 2);
  if (stage.note) {
    g.font = fontOf(11, true);
    tag(g, w - g.measureText(stage.note).width - 12, height - 10, stage.note, colours.paper, colours.ink);
  }
}
