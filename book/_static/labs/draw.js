/* Chapters 08, 09 and 17, and the first page: draw a digit, and watch the lean CNN see it and the LSTM read it row by row. */
(() => {
  "use strict";
  const { h, need, button, row, panel, announcer, paint, onTheme } = window.Labs;
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
  const switches = { cut: "cut out the ink", scale: "make it 20 pixels long", centre: "move its centre of mass to the middle", invert: "invert: dark ink becomes bright" };

  /* Draw the line to point k of a stroke; a first point is a dot. */
  function ink(pad, stroke, k) {
    const [[x, y], [toX, toY]] = [stroke[Math.max(k - 1, 0)], stroke[k]];
    pad.beginPath();
    pad.moveTo(x, y);
    pad.lineTo(toX + (k ? 0 : 0.1), toY);
    pad.stroke();
  }

  const newPad = (canvas, colour) => Object.assign(canvas.getContext("2d", { willReadFrequently: true }), { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: colour });
  const blank = () => ({ height: SIDE, width: SIDE, values: new Uint8ClampedArray(SIDE * SIDE) });

  /* Copy what a rectangle of the canvas holds, 0 for paper and 255 for ink, into the page that is read. */
  function copy(pad, page, [left, top, right, bottom]) {
    [left, top, right, bottom] = [Math.max(0, Math.floor(left)), Math.max(0, Math.floor(top)), Math.min(SIDE, Math.ceil(right)), Math.min(SIDE, Math.ceil(bottom))];
    if (right <= left || bottom <= top) return;
    const { data } = pad.getImageData(left, top, right - left, bottom - top);
    for (let i = top, k = 3; i < bottom; i++) for (let j = left; j < right; j++, k += 4) page.values[i * SIDE + j] = data[k];
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

  /* All maps of a round side by side in one picture, with a line of paper between them. */
  function mosaic({ maps, size, channels }) {
    const across = size > 7 ? 8 : 16, down = channels / across, width = across * (size + 1), values = new Float64Array(width * down * (size + 1));
    let most = 1e-9;
    for (let k = 0; k < maps.length; k++) if (maps[k] > most) most = maps[k];
    for (let k = 0; k < channels; k++) for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) {
      values[(Math.floor(k / across) * (size + 1) + i) * width + (k % across) * (size + 1) + j] = maps[(i * size + j) * channels + k] / most;
    }
    return [values, width, down * (size + 1)];
  }

  const best = (values) => values.reduce((first, x, k) => (x > values[first] ? k : first), 0);

  function words(name, probabilities) {
    const order = probabilities.map((p, digit) => [p, digit]).sort((a, b) => b[0] - a[0]).slice(0, 3);
    const [first, ...others] = order.filter(([p], k) => !k || p >= 0.005);
    const named = ([p, digit]) => `${digit} (${Math.round(100 * p)} %)`;
    return `The ${name} ${first[0] < 0.6 ? "is not sure:" : "says"} ${[first, ...others].map(named).join(", or ")}.`;
  }

  window.Labs.define("draw", (lab) => need("nets.js", "ink.js", "../models/lean_cnn.js", "../models/lstm.js").then(() => {
    const { Nets } = window;
    const networks = { cnn: Nets.unpack(window.LeanCnn), lstm: Nets.unpack(window.Lstm) };
    let [strokes, pen, asked, touched, page] = [[], null, false, null, blank()];
    let key = { place: [140, 60], down: false };
    const steps = { cut: true, scale: true, centre: true, invert: true };
    const canvas = h("canvas", { width: SIDE, height: SIDE, className: "lab-paper", tabIndex: 0, role: "application", "aria-label": "drawing paper. Draw with mouse or finger. With keys: space lowers and lifts the pen, arrow keys move it" });
    const cursor = h("span", { className: "lab-cursor", hidden: true });
    const picture = (className, label) => h("canvas", { className, role: "img", "aria-label": label });
    const seen = picture("lab-seen", "the 28 by 28 pixels that the networks are given");
    const belief = picture("lab-belief", "what the LSTM believes after each of the 28 rows: one column for each digit, the darker the surer");
    const rounds = ["16 maps of 14 x 14", "32 maps of 7 x 7", "64 maps of 7 x 7"].map((text, r) => [`round ${r + 1}: ${text}`, picture("lab-maps", `the ${text} after round ${r + 1}`)]);
    const [says, counted] = [announcer(), announcer()];
    let pad = newPad(canvas, getComputedStyle(canvas).color);

    /* Draw anew: after undo, clear, a sample, or a change of the page's colours. */
    function redraw() {
      canvas.width = SIDE;                                                   // empties it
      pad = newPad(canvas, getComputedStyle(canvas).color);
      for (const stroke of strokes) stroke.forEach((_, k) => ink(pad, stroke, k));
      ask([0, 0, SIDE, SIDE]);
    }

    function extend(stroke, point) {
      stroke.push(point);
      ink(pad, stroke, stroke.length - 1);
      const near = stroke.slice(-2), across = near.map(([x]) => x), down = near.map(([, y]) => y);
      ask([Math.min(...across) - PEN, Math.min(...down) - PEN, Math.max(...across) + PEN, Math.max(...down) + PEN]);
    }

    /* Read in the frames to come, however many points come before them: the CNN in one, the LSTM in the next. So even a slow machine has
       time to draw the stroke between them. */
    function ask(area) {
      touched = touched ? [...[0, 1].map((k) => Math.min(touched[k], area[k])), ...[2, 3].map((k) => Math.max(touched[k], area[k]))] : area;
      if (!asked) requestAnimationFrame(look);
      asked = true;
    }

    function look() {
      copy(pad, page, touched);
      touched = null;
      const image = normalised(page, steps);
      lab.classList.toggle("lab-empty", !image);
      if (image) {
        const { logits, seen: maps } = Nets.leanCnn(networks.cnn, image);
        paint(seen, image, 28, 28);
        maps.forEach((round, r) => paint(rounds[r][1], ...mosaic(round)));
        requestAnimationFrame(() => { readRows(image, logits); again(); });
      } else {
        says.textContent = `Draw a digit.${where()}`;
        again();
      }
    }

    function readRows(image, logits) {
      const rows = Nets.lstm(networks.lstm, image).map(Nets.softmax);
      paint(belief, rows.flat(), 10, 28);
      const answers = rows.map(best), since = answers.findLastIndex((digit) => digit !== answers[27]) + 2;
      says.textContent = `${words("CNN", Nets.softmax(logits))} ${words("LSTM", rows[27])} The LSTM's first choice is ${answers[27]} from row ${since} of 28 on.${where()}`;
    }

    /* Points that came meanwhile are read now. */
    function again() {
      asked = Boolean(touched);
      if (asked) requestAnimationFrame(look);
    }

    /* With keys, where the pen is; the cursor shows it too. */
    function where() {
      if (cursor.hidden) return "";
      Object.assign(cursor.style, { left: `${100 * key.place[0] / SIDE}%`, top: `${100 * key.place[1] / SIDE}%` });
      cursor.classList.toggle("lab-down", key.down);
      return ` The pen is ${key.down ? "down" : "up"}, ${key.place[0] / 10} of 28 from the left and ${key.place[1] / 10} of 28 from the top.`;
    }

    const at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height]; };
    canvas.onpointerdown = (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      cursor.hidden = true;
      strokes.push(pen = []);
      extend(pen, at(event));
    };
    canvas.onpointermove = (event) => { if (pen) for (const each of [...(event.getCoalescedEvents?.() ?? []), event]) extend(pen, at(each)); };
    canvas.onpointerup = canvas.onpointercancel = () => { pen = null; };
    canvas.onblur = () => { cursor.hidden = true; };
    canvas.onkeydown = (event) => {
      const step = { ArrowUp: [0, -10], ArrowDown: [0, 10], ArrowLeft: [-10, 0], ArrowRight: [10, 0] }[event.key];
      if (!step && event.key !== " ") return;
      event.preventDefault();
      cursor.hidden = false;
      if (step) key.place = key.place.map((x, axis) => Math.max(10, Math.min(SIDE - 10, x + step[axis])));
      else if ((key.down = !key.down)) strokes.push([]);
      if (key.down) extend(strokes.at(-1), key.place);
      else ask([0, 0, 0, 0]);
    };

    function start(drawing) {
      [strokes, key] = [drawing, { place: [140, 60], down: false }];
      redraw();
    }

    /* How many of the 40 hard drawings are read with these steps: one after the other, so that the page stays awake. */
    const results = {};
    async function count() {
      const name = Object.keys(steps).filter((step) => !steps[step]).join();
      const spare = newPad(h("canvas", { width: SIDE, height: SIDE }), "black"), read = { cnn: 0, lstm: 0 }, now = { ...steps };
      for (const { label, strokes: lines } of results[name] ? [] : hard) {
        spare.clearRect(0, 0, SIDE, SIDE);
        for (const line of lines) line.forEach((_, k) => ink(spare, line, k));
        const drawn = blank();
        copy(spare, drawn, [0, 0, SIDE, SIDE]);
        const image = normalised(drawn, now);
        read.cnn += best([...Nets.leanCnn(networks.cnn, image).logits]) === label;
        read.lstm += best([...Nets.lstm(networks.lstm, image).at(-1)]) === label;
        await new Promise((done) => setTimeout(done));
      }
      results[name] ??= read;
      if (Object.keys(now).every((step) => now[step] === steps[step])) counted.textContent = `Of ${hard.length} sample drawings, large and small, in all corners, the CNN reads ${results[name].cnn} and the LSTM ${results[name].lstm} with these steps.`;
    }

    function stepSwitch([name, text]) {
      const input = h("input", { type: "checkbox", checked: true });
      input.onchange = () => { steps[name] = input.checked; redraw(); count(); };
      return h("label", { className: "lab-field" }, input, text);
    }

    lab.append(
      row(
        panel("draw here", h("div", { className: "lab-desk" }, canvas, cursor)),
        panel("what they see", seen),
        panel("LSTM, row by row", belief, h("div", { className: "lab-digits", ariaHidden: "true" }, ...Array.from({ length: 10 }, (_, digit) => h("span", {}, String(digit))))),
      ),
      says,
      row(button("undo", () => { key.down = false; start(strokes.slice(0, -1)); }), button("clear", () => start([])), ...samples.map((strokes, digit) => button(`a ${digit}`, () => start(strokes.map((stroke) => [...stroke]))))),
      row(...rounds.map(([title, maps]) => panel(`CNN, ${title}`, maps))),
      h("p", { className: "lab-title" }, "What happens to your drawing before a network sees it. Leave out a step:"),
      row(...Object.entries(switches).map(stepSwitch)),
      counted,
      h("p", { className: "lab-title" }, "Your drawing stays in this page: nothing is sent, and nothing is stored."),
    );
    onTheme(redraw);
    redraw();
    count();
  }));
})();
