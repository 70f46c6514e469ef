/* Strokes of a pen, and the way from them to what the networks are given. */
(() => {
  "use strict";
  const SIDE = 280, PEN = 24;
  /* Strokes as a hand would make them, in pixels of the paper: x, y, x, y ... */
  const samples = [
    [[140, 50, 100, 75, 85, 140, 100, 205, 140, 230, 180, 205, 195, 140, 180, 75, 145, 50]],
    [[105, 85, 145, 50, 143, 120, 141, 230]],
    [[85, 95, 100, 60, 140, 48, 178, 65, 180, 105, 150, 150, 105, 195, 80, 225, 130, 222, 200, 225]],
    [[90, 60, 140, 45, 180, 70, 165, 115, 125, 132, 175, 145, 190, 190, 150, 228, 95, 215]],
    [[115, 55, 95, 110, 80, 150, 140, 148, 200, 145], [168, 60, 164, 140, 158, 230]],
    [[185, 55, 110, 58, 100, 120, 150, 115, 185, 150, 175, 205, 125, 228, 85, 210]],
    [[165, 48, 120, 95, 95, 160, 105, 215, 145, 232, 180, 210, 182, 170, 150, 150, 105, 175]],
    [[80, 65, 195, 62, 160, 130, 130, 225]],
    [[175, 75, 140, 50, 105, 75, 115, 115, 160, 150, 180, 190, 145, 230, 105, 205, 115, 165, 160, 120, 178, 80]],
    [[180, 85, 145, 52, 105, 75, 105, 115, 140, 130, 178, 105, 180, 75, 176, 140, 160, 228]],
  ].map((strokes) => strokes.map((flat) => flat.flatMap((x, k) => (k % 2 ? [] : [[x, flat[k + 1]]]))));
  /* Each sample again, smaller and in a corner, to count how many are read: [size, right, down]. */
  const places = [[1, 0, 0], [0.7, 0.9, 0.1], [0.5, 0.1, 0.8], [0.35, 0.85, 0.9]];
  const hard = samples.flatMap((strokes, label) => places.map(([size, right, down]) => ({
    label, strokes: strokes.map((stroke) => stroke.map(([x, y]) => [x * size + right * (1 - size) * SIDE, y * size + down * (1 - size) * SIDE])),
  })));
  /* Draw the line to point k of a stroke; a first point is a dot. */
  function ink(pad, stroke, k) {
    const [[x, y], [toX, toY]] = [stroke[Math.max(k - 1, 0)], stroke[k]];
    pad.beginPath();
    pad.moveTo(x, y);
    pad.lineTo(toX + (k ? 0 : 0.1), toY);
    pad.stroke();
  }

  /* A canvas ready for the pen, in the page's ink. */
  function newPad(canvas, pen) {
    const pad = canvas.getContext("2d", { willReadFrequently: true });
    return Object.assign(pad, { lineWidth: pen, lineCap: "round", lineJoin: "round", strokeStyle: getComputedStyle(canvas).color || "black" });
  }

  /* Copy what a rectangle of the canvas holds, 0 for paper and 255 for ink, into a page. */
  function copy(pad, { width, height, values }, [left, top, right, bottom]) {
    [left, top, right, bottom] = [Math.max(0, Math.floor(left)), Math.max(0, Math.floor(top)), Math.min(width, Math.ceil(right)), Math.min(height, Math.ceil(bottom))];
    if (right <= left || bottom <= top) return;
    const { data } = pad.getImageData(left, top, right - left, bottom - top);
    for (let i = top, k = 3; i < bottom; i++) for (let j = left; j < right; j++, k += 4) values[i * width + j] = data[k];
  }

  /* Strokes as a page of SIDE x SIDE, without showing them. */
  function pageOf(strokes) {
    const page = { height: SIDE, width: SIDE, values: new Uint8ClampedArray(SIDE * SIDE) };
    const pad = newPad(window.Labs.h("canvas", { width: SIDE, height: SIDE }), PEN);
    for (const stroke of strokes) stroke.forEach((_, k) => ink(pad, stroke, k));
    copy(pad, page, [0, 0, SIDE, SIDE]);
    return page;
  }

  /* Paper to draw on, with a pen for mouse, finger and keys. `changed` is called when there is something new; read() then gives the page,
     0 for paper and 255 for ink. */
  function paper(width, height, pen, changed) {
    const { h, onTheme } = window.Labs;
    const page = { height, width, values: new Uint8ClampedArray(width * height) };
    let [strokes, stroke, touched, key] = [[], null, null, null];
    const canvas = h("canvas", { width, height, className: "lab-paper", tabIndex: 0, role: "application", "aria-label": "drawing paper. Draw with mouse or finger. With keys: space lowers and lifts the pen, arrow keys move it" });
    const cursor = h("span", { className: "lab-cursor", hidden: true });
    let pad = newPad(canvas, pen);

    /* Draw anew: after undo, clear, a sample, or a change of the page's colours. */
    function redraw() {
      canvas.width = width;                                                  // empties it
      pad = newPad(canvas, pen);
      for (const each of strokes) each.forEach((_, k) => ink(pad, each, k));
      touch([0, 0, width, height]);
    }

    function start(drawing) {
      [strokes, key] = [drawing, { place: [width / 2, pen * 2], down: false }];
      redraw();
    }

    /* The last stroke goes, the pen is lifted and stays where it is. */
    function undo() {
      const { place } = key;
      start(strokes.slice(0, -1));
      key.place = place;
    }

    function extend(each, point) {
      each.push(point);
      ink(pad, each, each.length - 1);
      const near = each.slice(-2), across = near.map(([x]) => x), down = near.map(([, y]) => y);
      touch([Math.min(...across) - pen, Math.min(...down) - pen, Math.max(...across) + pen, Math.max(...down) + pen]);
    }

    function touch(area) {
      touched = touched ? [...[0, 1].map((k) => Math.min(touched[k], area[k])), ...[2, 3].map((k) => Math.max(touched[k], area[k]))] : area;
      changed();
    }

    /* Copy what was touched from the canvas. */
    function read() {
      if (touched) copy(pad, page, touched);
      touched = null;
      return page;
    }

    /* With keys, where the pen is; the cursor shows it too. */
    function where() {
      if (cursor.hidden) return "";
      Object.assign(cursor.style, { left: `${100 * key.place[0] / width}%`, top: `${100 * key.place[1] / height}%` });
      cursor.classList.toggle("lab-down", key.down);
      return ` The pen is ${key.down ? "down" : "up"}, ${key.place[0] / 10} of ${width / 10} from the left and ${key.place[1] / 10} of ${height / 10} from the top.`;
    }

    const at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height]; };
    canvas.onpointerdown = (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      cursor.hidden = true;
      strokes.push(stroke = []);
      extend(stroke, at(event));
    };
    canvas.onpointermove = (event) => { if (stroke) for (const each of [...(event.getCoalescedEvents?.() ?? []), event]) extend(stroke, at(each)); };
    canvas.onpointerup = canvas.onpointercancel = () => { stroke = null; };
    canvas.onblur = () => { cursor.hidden = true; };
    canvas.onkeydown = (event) => {
      const step = { ArrowUp: [0, -10], ArrowDown: [0, 10], ArrowLeft: [-10, 0], ArrowRight: [10, 0] }[event.key];
      if (!step && event.key !== " ") return;
      event.preventDefault();
      cursor.hidden = false;
      if (step) key.place = [width, height].map((side, axis) => Math.max(10, Math.min(side - 10, key.place[axis] + step[axis])));
      else if ((key.down = !key.down)) strokes.push([]);
      if (key.down) extend(strokes.at(-1), key.place);
      else touch([0, 0, 0, 0]);
    };

    onTheme(redraw);
    const desk = h("div", { className: "lab-desk", style: `width: ${width}px` }, canvas, cursor);
    return { desk, page, start, read, where, undo };
  }

  /* What the networks are given, or null for an empty page. Each step of the normalisation can be left out. */
  function normalised(page, steps) {
    const found = window.Ink.box(page);
    if (!found) return null;
    const box = steps.cut ? found : { top: 0, left: 0, height: SIDE, width: SIDE };
    const glyph = window.Ink.fit(window.Ink.cut(page, box), steps.scale ? 20 : Math.max(box.height, box.width) / 10);
    const kept = (start, length, now) => Math.round((start + length / 2) / 10 - now / 2);          // where it was drawn
    const field = steps.centre ? window.Ink.centreByMass(glyph) : window.Ink.place(glyph, kept(box.top, box.height, glyph.height), kept(box.left, box.width, glyph.width));
    return Float64Array.from(field.values, (x) => (steps.invert ? x : 255 - x) / 255);
  }

  window.Strokes = { SIDE, PEN, samples, hard, paper, pageOf, normalised };
})();
