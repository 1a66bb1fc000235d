'use strict';

// What the page knows: rows of the recording as objects, and what follows from
// them. Times are microseconds.
const data = JSON.parse(document.getElementById('data').textContent);
const fates = ['arrived', 'lost', 'cut', 'down', 'withheld'];

const messages = data.messages.map((r, i) => ({
  is: 'message', i, from: r[0], to: r[1], at: r[2], arrives: r[3], fate: fates[r[4]], type: data.types[r[5]],
  view: r[6], sequence: r[7], digest: data.texts[r[8]], bytes: r[9], detail: data.texts[r[10]], altered: r[11] === 1,
  core: data.texts[r[12]], signer: data.texts[r[13]],
}));
for (const m of messages) {
  m.phase = data.phases[m.type.phase].key;
  m.end = m.fate === 'withheld' ? m.at : Math.max(m.arrives, m.at);
}
const marks = (data.marks || []).map((m, i) => ({ is: 'mark', i, end: m.at, ...m }));
const replicas = data.parties.map((p, i) => i).filter((i) => !data.parties[i].client);
const order = [...data.parties.map((p, i) => i).filter((i) => data.parties[i].client), ...replicas];
const nameOf = (i) => (i < 0 ? 'all' : data.parties[i].name);
const last = Math.max(1, ...[0].concat(messages.slice(-2000).map((m) => m.end), marks.slice(-1).map((m) => m.at)));
const primaryOf = (view) => replicas[view % replicas.length];

const state = {
  phases: new Set(data.phases.filter((p) => !p.hidden).map((p) => p.key)),
  lanes: new Set(order),
  sequence: 0, // followed; 0 for everything
  picked: null,
  hover: null,
  squeeze: true,
  left: 0, // of the window, in drawn time
  span: 1,
};

const shown = (m) => state.phases.has(m.phase) && state.lanes.has(m.from) && state.lanes.has(m.to);
const shownMark = (m) => m.party < 0 || state.lanes.has(m.party);

// intervals pairs the marks that begin something with those that end it, by party.
function intervals(begins, ends) {
  const open = new Map(), out = [];
  for (const m of marks) {
    if (begins.includes(m.kind)) {
      if (!open.has(m.party)) open.set(m.party, m);
    } else if (ends.includes(m.kind) && open.has(m.party)) {
      out.push({ mark: open.get(m.party), party: m.party, from: open.get(m.party).at, to: m.at });
      open.delete(m.party);
    }
  }
  for (const [party, m] of open) out.push({ mark: m, party, from: m.at, to: last });
  return out;
}
const downs = intervals(['crashed', 'halted'], ['started']);
const pauses = intervals(['paused'], ['resumed']);
const cuts = intervals(['cut'], ['healed', 'cut']);

// stays are the views that each replica was in: active, or asked for in vain so far.
const stays = replicas.flatMap((party) => {
  const out = [{ party, view: 0, from: 0, to: last, active: true }];
  for (const m of marks) {
    if (m.party !== party || (m.kind !== 'asked' && m.kind !== 'entered')) continue;
    out[out.length - 1].to = m.at;
    out.push({ party, view: m.view, from: m.at, to: last, active: m.kind === 'entered' });
  }
  return out;
});

// reigns are the views of the group: from the first replica that is in one.
const reigns = [];
for (const s of stays.filter((x) => x.active).sort((a, b) => a.from - b.from || a.view - b.view)) {
  const before = reigns[reigns.length - 1];
  if (before && s.view <= before.view) continue;
  if (before) before.to = s.from;
  reigns.push({ view: s.view, from: s.from, to: last });
}

// courses are the ways of the batches: one for each sequence number and view in
// which it was proposed.
const courses = [];
const courseOf = new Map();
for (const m of messages) {
  if (!m.sequence || m.fate === 'withheld') continue;
  const key = m.view + '/' + m.sequence;
  let c = courseOf.get(key);
  if (m.phase === 'preprepare' && !c) {
    c = { view: m.view, sequence: m.sequence, digests: [], steps: [{ phase: 'preprepare', at: m.at }], executed: [], message: m };
    courseOf.set(key, c);
    courses.push(c);
  }
  if (!c && (m.phase === 'prepare' || m.phase === 'commit') && !data.parties[m.from].liar) { // proposed again by a NEW-VIEW
    c = { view: m.view, sequence: m.sequence, digests: [m.digest], steps: [{ phase: m.phase, at: m.at }], executed: [], message: m, again: true };
    courseOf.set(key, c);
    courses.push(c);
  }
  if (!c) continue;
  c.heard = m.at;
  if (m.phase === 'preprepare' && m.digest && !c.digests.includes(m.digest)) c.digests.push(m.digest);
  if ((m.phase === 'prepare' || m.phase === 'commit') && !c.steps.some((s) => s.phase === m.phase)) {
    c.steps.push({ phase: m.phase, at: m.at });
  }
}
for (const m of marks) {
  if (m.kind !== 'executed') continue;
  let best = null;
  for (const c of courses) if (c.sequence === m.sequence && c.steps[0].at <= m.at && (!best || c.view > best.view)) best = c;
  if (best) best.executed.push(m.at);
}
for (const c of courses) {
  c.before = marks.some((m) => m.kind === 'executed' && m.sequence === c.sequence && m.at <= c.steps[0].at);
  const next = courses.find((x) => x.sequence === c.sequence && x.view > c.view);
  const done = c.executed.length ? Math.max(...c.executed) : 0;
  if (c.executed.length) c.steps.push({ phase: 'reply', at: Math.min(...c.executed) });
  c.to = done || Math.max(c.heard + 1, c.steps[c.steps.length - 1].at + 1);
  if (!done && next) c.to = Math.min(Math.max(c.to, c.steps[0].at + 1), Math.max(next.steps[0].at, c.steps[0].at + 1));
}

// holds lists whose votes of a kind a receiver holds when a message arrives, its
// own included.
function holds(m) {
  const set = new Set();
  for (const o of messages) {
    if (o.at > m.end) break;
    if (o.type !== m.type || o.view !== m.view || o.sequence !== m.sequence || o.digest !== m.digest || o.fate === 'withheld') continue;
    const signer = o.signer ? data.parties.findIndex((p) => p.name === o.signer) : o.from;
    if (signer === m.to || (o.to === m.to && o.fate === 'arrived' && o.end <= m.end)) set.add(signer);
  }
  return [...set].sort((a, b) => a - b);
}
