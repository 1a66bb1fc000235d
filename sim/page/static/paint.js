// Colours and shapes. Everything drawn takes its colour from the style sheet, so
// that light and dark are decided in one place.
let colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  colours = {};
  for (const name of ['ground', 'paper', 'ink', 'soft', 'line', 'lane', 'bad', 'good', 'veil', 'primary', ...data.phases.map((p) => p.key)]) {
    colours[name] = style.getPropertyValue('--' + name).trim();
  }
}
const fontOf = (px, bold) => `${bold ? '600 ' : ''}${px}px system-ui, "DejaVu Sans", sans-serif`;

function fit(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.style.height = height + 'px';
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  return g;
}

function line(g, x0, y0, x1, y1) {
  g.beginPath();
  g.moveTo(x0, y0);
  g.lineTo(x1, y1);
  g.stroke();
}

function head(g, x0, y0, x1, y1, size) {
  const a = Math.atan2(y1 - y0, x1 - x0);
  g.beginPath();
  g.moveTo(x1, y1);
  g.lineTo(x1 - size * Math.cos(a - 0.38), y1 - size * Math.sin(a - 0.38));
  g.lineTo(x1 - size * Math.cos(a + 0.38), y1 - size * Math.sin(a + 0.38));
  g.fill();
}

function cross(g, x, y, size) {
  line(g, x - size, y - size, x + size, y + size);
  line(g, x - size, y + size, x + size, y - size);
}

function disc(g, x, y, radius, fill, stroke) {
  g.beginPath();
  g.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) { g.fillStyle = fill; g.fill(); }
  if (stroke) { g.strokeStyle = stroke; g.stroke(); }
}

function tag(g, x, y, text, fill, ink) {
  g.font = fontOf(11, true);
  const w = g.measureText(text).width + 8;
  g.fillStyle = fill;
  g.beginPath();
  g.roundRect(x, y - 8, w, 16, 4);
  g.fill();
  g.fillStyle = ink;
  g.textAlign = 'left';
  g.textBaseline = 'middle';
  g.fillText(text, x + 4, y + 0.5);
  return w;
}

// unequal marks what a liar sent in the place of what its core said.
function unequal(g, x, y) {
  disc(g, x, y, 7, colours.bad);
  g.strokeStyle = colours.paper;
  g.lineWidth = 1.6;
  line(g, x - 3.5, y - 1.7, x + 3.5, y - 1.7);
  line(g, x - 3.5, y + 1.7, x + 3.5, y + 1.7);
  line(g, x - 2, y + 4, x + 2, y - 4);
}

// shape draws one mark around a point of a lane.
function shape(g, m, x, y) {
  g.lineWidth = 1.8;
  g.setLineDash([]);
  switch (m.kind) {
    case 'executed':
      disc(g, x, y, 5, colours.commit, colours.paper);
      break;
    case 'done':
      disc(g, x, y, 5, colours.reply, colours.paper);
      g.strokeStyle = colours.paper;
      line(g, x - 2.4, y, x - 0.6, y + 2);
      line(g, x - 0.6, y + 2, x + 2.6, y - 2);
      break;
    case 'asked':
      tag(g, x, y - 13, `view ${m.view}?`, colours.paper, colours.viewchange);
      g.strokeStyle = colours.viewchange;
      line(g, x, y - 20, x, y + 5);
      break;
    case 'entered':
      tag(g, x, y - 13, `view ${m.view}`, colours.viewchange, colours.paper);
      g.strokeStyle = colours.viewchange;
      line(g, x, y - 20, x, y + 5);
      break;
    case 'thin':
      g.strokeStyle = colours.viewchange;
      line(g, x, y - 14, x, y + 5);
      break;
    case 'stable':
      g.fillStyle = colours.checkpoint;
      g.fillRect(x - 4.5, y - 4.5, 9, 9);
      break;
    case 'crashed': case 'halted':
      g.strokeStyle = colours.bad;
      g.lineWidth = 3;
      cross(g, x, y, 6);
      if (m.kind === 'halted') { g.lineWidth = 1.5; g.strokeRect(x - 9, y - 9, 18, 18); }
      break;
    case 'started': case 'resumed':
      g.fillStyle = colours.good;
      g.beginPath();
      g.moveTo(x - 4, y - 6); g.lineTo(x + 7, y); g.lineTo(x - 4, y + 6);
      g.fill();
      break;
    case 'paused':
      g.fillStyle = colours.bad;
      g.fillRect(x - 5, y - 6, 4, 12);
      g.fillRect(x + 1, y - 6, 4, 12);
      break;
    case 'proof': case 'broken': case 'fault':
      g.fillStyle = m.kind === 'fault' ? colours.soft : colours.evidence;
      g.beginPath();
      g.moveTo(x, y - 9); g.lineTo(x + 8, y + 5); g.lineTo(x - 8, y + 5);
      g.fill();
      g.fillStyle = colours.paper;
      g.fillRect(x - 1, y - 5, 2, 5.5);
      g.fillRect(x - 1, y + 1.7, 2, 2);
      break;
  }
}
