// What stands beside the diagram: filters, legend, details and the story. Texts
// of the recording are only ever set as text.
const by = (id) => document.getElementById(id);

function element(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) if (v !== undefined && v !== false) e.setAttribute(k, v);
  for (const c of children) e.append(c);
  return e;
}

function toggles(box, keys, label, set) {
  for (const key of keys) {
    const b = element('button', { 'aria-pressed': set.has(key) }, ...label(key));
    b.onclick = () => {
      keepTime(() => { if (set.has(key)) set.delete(key); else set.add(key); });
      b.setAttribute('aria-pressed', set.has(key));
    };
    box.append(b);
  }
}

function buildFilters() {
  const used = new Set(messages.map((m) => m.phase));
  const phases = data.phases.filter((p) => used.has(p.key));
  toggles(by('phases'), phases.map((p) => p.key), (key) => {
    const swatch = element('i');
    swatch.style.background = `var(--${key})`;
    return [swatch, data.phases.find((p) => p.key === key).name];
  }, state.phases);
  toggles(by('lanes'), order, (i) => [nameOf(i) + (data.parties[i].liar ? ` (${data.parties[i].liar})` : '')], state.lanes);
  const numbers = [...new Set([...messages, ...marks].map((m) => m.sequence).filter((n) => n > 0))].sort((a, b) => a - b);
  for (const n of numbers) by('sequence').append(element('option', { value: n }, `number ${n}`));
}

// explain draws each mark that occurs as in the diagram.
function explain() {
  const words = {
    executed: 'executes the batch at this number', done: 'has its result', asked: 'asks for a view', entered: 'is in a view',
    stable: 'stable checkpoint', crashed: 'crashes', halted: 'stops for good', started: 'starts from its disk', paused: 'suspended',
    proof: 'can prove a lie', broken: 'an invariant broke', fault: 'another fault',
  };
  const used = new Set(marks.filter((m) => m.kind !== 'started' || m.at > 0).map((m) => m.kind));
  const add = (text, draw, wide) => {
    const c = element('canvas', { class: wide ? 'wide' : false });
    by('legend').append(element('span', {}, c, text));
    draw(fit(c, 18));
  };
  by('legend').replaceChildren();
  add('primary of its view', (g) => { g.strokeStyle = colours.primary; g.lineWidth = 6; line(g, 1, 9, 25, 9); });
  for (const [kind, text] of Object.entries(words)) {
    if (!used.has(kind)) continue;
    add(text, (g) => {
      if (kind === 'asked' || kind === 'entered') shape(g, { kind, view: 1 }, 2, 22); else shape(g, { kind }, 12, 9.5);
    }, kind === 'asked' || kind === 'entered');
  }
  const fate = new Set(messages.map((m) => m.fate));
  if (fate.has('lost') || fate.has('cut') || fate.has('down')) {
    add('lost, cut off, or nobody there', (g) => { g.strokeStyle = colours.bad; g.lineWidth = 2; cross(g, 12, 9, 4); });
  }
  if (fate.has('withheld')) add('withheld by a liar', (g) => { g.lineWidth = 2; disc(g, 12, 9, 4, colours.paper, colours.bad); line(g, 9, 12, 15, 6); });
  if (messages.some((m) => m.altered)) add('a lie: not what its core said', (g) => unequal(g, 12, 9));
  if (scale.breaks.length) add('quiet time, shortened', (g) => { g.strokeStyle = colours.lane; line(g, 6, 14, 10, 4); line(g, 13, 14, 17, 4); });
}

function rows(list) {
  const dl = element('dl');
  for (const [k, v, bad] of list) {
    if (v === '' || v === undefined) continue;
    dl.append(element('dt', {}, k), element('dd', { class: bad ? 'bad' : false }, String(v)));
  }
  return dl;
}

function fateText(m) {
  switch (m.fate) {
    case 'lost': return 'lost: the network dropped it';
    case 'cut': return `cut off: the channel was severed at ${clock(m.arrives)}`;
    case 'down': return `found nobody: ${nameOf(m.to)} was down at ${clock(m.arrives)}`;
    case 'withheld': return 'withheld: its core said so, the liar sent nothing';
  }
  return `${clock(m.arrives)}, ${clock(m.arrives - m.at)} later`;
}

function heldText(m) {
  const need = { PREPARE: data.quorum - 1, COMMIT: data.quorum, CHECKPOINT: data.quorum, 'VIEW-CHANGE': data.quorum }[m.type.name];
  if (!need || m.fate !== 'arrived') return '';
  const by = holds(m);
  return `${by.length} of ${need} (${by.map(nameOf).join(', ')})${by.length >= need ? ': enough' : ''}`;
}

function describeMessage(m) {
  const swatch = element('i');
  swatch.style.background = `var(--${m.phase})`;
  const out = [element('h2', {}, swatch, m.type.name)];
  const vote = ['preprepare', 'prepare', 'commit', 'viewchange', 'newview'].includes(m.phase);
  out.push(rows([
    ['from, to', `${nameOf(m.from)} → ${nameOf(m.to)}`],
    ['signed by', m.signer ? `${m.signer}: ${nameOf(m.from)} passes it on` : ''],
    ['view', vote || m.view ? m.view : ''],
    ['number', m.sequence || ''],
    ['digest', m.digest],
    ['sent', clock(m.at)],
    [m.fate === 'arrived' ? 'arrives' : 'fate', fateText(m), m.fate !== 'arrived'],
    ['size', m.bytes ? `${m.bytes} bytes` : ''],
    ['says', m.detail],
    [`${nameOf(m.to)} holds`, heldText(m)],
    ['a lie', m.altered ? (m.core ? `its core said ${m.core}` : 'its core said nothing of the kind') : '', true],
  ]));
  if (m.type.lesson) out.push(element('p', { class: 'lesson' }, m.type.lesson));
  return out;
}

function describeMark(m) {
  const words = {
    executed: `${nameOf(m.party)} executes`, done: `${nameOf(m.party)} has a result`, asked: `${nameOf(m.party)} asks for view ${m.view}`,
    entered: `${nameOf(m.party)} enters view ${m.view}`, stable: `Checkpoint ${m.sequence} is stable at ${nameOf(m.party)}`,
    proof: `${nameOf(m.party)} can prove a lie`, broken: 'An invariant broke', cut: 'Channels are cut', healed: 'Channels are whole again',
  };
  const lessons = {
    executed: `It holds ${data.quorum} commits for this batch and has executed all numbers below.`,
    asked: 'It no longer takes part in the old view: until the new one opens its lane is dashed.',
    entered: `The primary of view ${m.view} is ${nameOf(primaryOf(m.view || 0))}: number ${m.view} modulo ${replicas.length}.`,
    stable: `${data.quorum} replicas have this state on disk. The window of numbers moves up, and what lies below is forgotten.`,
    proof: 'Two signed messages that no correct replica can have sent both. Anyone can check them later.',
  };
  const out = [element('h2', {}, words[m.kind] || `${nameOf(m.party)}: ${m.kind}`)];
  out.push(rows([['at', clock(m.at)], ['number', m.sequence || ''], ['digest', m.digest], [m.kind === 'proof' ? 'against' : 'what', m.text]]));
  if (lessons[m.kind]) out.push(element('p', { class: 'lesson' }, lessons[m.kind]));
  return out;
}

function describe() {
  const m = state.picked, box = by('details');
  if (!m) {
    box.replaceChildren(element('h2', {}, 'Choose an arrow or a mark'),
      element('p', { class: 'lesson' }, `Time runs to the right, each lane is one party, each arrow one message. A batch takes the steps pre-prepare, prepare, ` +
        `commit; ${data.quorum} of ${replicas.length} replicas are a quorum, and up to ${data.faults} may lie.`),
      element('p', { class: 'lesson' }, 'Drag or ← → to move, wheel or + − to zoom, comma and full stop to step, F to follow a number, 0 for the whole run.'));
    return;
  }
  box.replaceChildren(...(m.is === 'message' ? describeMessage(m) : describeMark(m)));
  if (m.sequence) {
    const b = element('button', {}, state.sequence === m.sequence ? 'show everything again' : `follow number ${m.sequence}`);
    b.onclick = () => follow(state.sequence === m.sequence ? 0 : m.sequence);
    box.append(b);
  }
}

function pick(m) {
  state.picked = m;
  describe();
  repaint();
}

function follow(n) {
  state.sequence = n;
  by('sequence').value = n || '';
  const c = courses.find((x) => x.sequence === n);
  if (c && !(state.picked && state.picked.sequence === n)) reveal(c.steps[0].at, c.to);
  describe();
  repaint();
}

function buildStory() {
  const choice = by('pick').value, list = by('story');
  const lines = (data.story || []).filter((s) => choice === 'all' || (choice === 'key' ? s.key :
    s.kind === choice || (choice === 'lie' && s.kind === 'proof') || (choice === 'order' && s.kind === 'checkpoint') || (choice === 'fault' && s.kind === 'broken')));
  list.replaceChildren(...lines.slice(0, 2000).map((s) => {
    const b = element('button', {}, element('time', {}, clock(s.at)), element('span', {}, s.text));
    b.onclick = () => {
      for (const o of list.querySelectorAll('[aria-current]')) o.removeAttribute('aria-current');
      b.setAttribute('aria-current', 'true');
      state.picked = s.message >= 0 ? messages[s.message] : marks.find((m) => m.at === s.at && m.party === s.party && m.kind !== 'done') || null;
      describe();
      reveal(s.at);
    };
    return element('li', { class: s.kind }, b);
  }));
  if (lines.length > 2000) list.append(element('li', {}, `and ${lines.length - 2000} more`));
}
