/* Chapters 08, 09 and 17, and the first page: draw a digit, and watch the lean CNN see it and the LSTM read it row by row. */
(() => {
  "use strict";
  const { h, need, button, row, panel, announcer } = window.Labs;
  const SIDE = 280;
  /* Strokes as a hand would make them, in pixels of the canvas. */
  const samples = {
    2: [[[85, 95], [100, 60], [140, 48], [178, 65], [180, 105], [150, 150], [105, 195], [80, 225], [130, 222], [200, 225]]],
    3: [[[90, 60], [140, 45], [180, 70], [165, 115], [125, 132], [175, 145], [190, 190], [150, 228], [95, 215]]],
    5: [[[185, 55], [110, 58], [100, 120], [150, 115], [185, 150], [175, 205], [125, 228], [85, 210]]],
    7: [[[80, 65], [195, 62], [160, 130], [130, 225]]],
  };

  function checkbox(text, change) {
    const input = h("input", { type: "checkbox", checked: true });
    input.onchange = () => change(input.checked);
    return h("label", { className: "lab-field" }, input, text);
  }

  /* A small picture of `size` x `size` numbers from 0 to 1, drawn with the page's ink. */
  function paint(canvas, values, width, height) {
    [canvas.width, canvas.height] = [width, height];
    const [context, ink] = [canvas.getContext("2d"), getComputedStyle(canvas).color.match(/\d+/g).map(Number)];
    const image = context.createImageData(width, height);
    values.forEach((x, k) => image.data.set([...ink.slice(0, 3), 255 * Math.min(Math.max(x, 0), 1)], 4 * k));
    context.putImageData(image, 0, 0);
  }

  const surest = (probabilities) => probabilities.map((p, digit) => [p, digit]).sort((a, b) => b[0] - a[0]);

  function words(name, probabilities) {
    const [first, second, third] = surest(probabilities);
    const rest = [second, third].map(([p, digit]) => `${digit} (${Math.round(100 * p)} %)`).join(" or ");
    return first[0] < 0.6 ? `The ${name} is not sure: ${first[1]} (${Math.round(100 * first[0])} %), ${rest}.` : `The ${name} says ${first[1]} (${Math.round(100 * first[0])} %), else ${rest}.`;
  }

  window.Labs.define("draw", (lab) => need("nets.js", "ink.js", "../models/lean_cnn.js", "../models/lstm.js").then(() => {
    const { Nets, Ink } = window;
    const networks = { cnn: Nets.unpack(window.LeanCnn), lstm: Nets.unpack(window.Lstm) };
    let [strokes, pen, asked] = [[], null, false];
    const steps = { cut: true, centre: true, bright: true };
    const canvas = h("canvas", { width: SIDE, height: SIDE, className: "lab-paper", tabIndex: 0, role: "img", "aria-label": "drawing paper: draw with mouse or finger, or with arrow keys while the pen is down; space lifts and lowers the pen" });
    const pad = canvas.getContext("2d", { willReadFrequently: true });
    const seen = h("canvas", { className: "lab-seen", role: "img", "aria-label": "the 28 by 28 pixels that the networks see" });
    const belief = h("canvas", { className: "lab-belief", role: "img", "aria-label": "what the LSTM believes after each of 28 rows, one column a digit" });
    const maps = h("div", { className: "lab-maps" });
    const says = announcer();

    function redraw() {
      pad.clearRect(0, 0, SIDE, SIDE);
      Object.assign(pad, { lineWidth: 24, lineCap: "round", lineJoin: "round", strokeStyle: getComputedStyle(canvas).color });
      for (const stroke of strokes) {
        pad.beginPath();
        stroke.forEach(([x, y], k) => (k ? pad.lineTo(x, y) : pad.moveTo(x, y)));
        if (stroke.length === 1) pad.lineTo(stroke[0][0] + 0.1, stroke[0][1]);
        pad.stroke();
      }
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => { asked = false; read(); });
    }

    /* What the networks are given: each step of the normalisation can be left out. */
    function normalised() {
      const { data } = pad.getImageData(0, 0, SIDE, SIDE);
      const drawn = { height: SIDE, width: SIDE, values: new Uint8ClampedArray(SIDE * SIDE).map((_, k) => data[4 * k + 3]) };
      if (!Ink.box(drawn)) return null;
      const glyph = steps.cut ? Ink.fitBox(drawn) : Ink.resize(drawn, 28, 28);
      const page = steps.centre && steps.cut ? Ink.centreByMass(glyph) : Ink.place(glyph, 0, 0);
      return Float32Array.from(page.values, (x) => (steps.bright ? x : 255 - x) / 255);
    }

    function read() {
      const image = normalised();
      if (!image) {
        for (const part of [seen, belief]) part.width = part.height = 28;
        maps.replaceChildren();
        says.textContent = "Draw a digit. Nothing leaves this page.";
        return;
      }
      const { logits, seen: rounds } = Nets.leanCnn(networks.cnn, image);
      const rows = Nets.lstm(networks.lstm, image).map(Nets.softmax);
      paint(seen, image, 28, 28);
      paint(belief, rows.flat(), 10, 28);
      while (maps.children.length < 24) maps.append(h("canvas", { role: "presentation" }));
      rounds.forEach(({ maps: values, size, channels }, r) => {
        const most = values.reduce((a, b) => Math.max(a, b), 1e-9);
        for (let k = 0; k < 8; k++) paint(maps.children[8 * r + k], Array.from({ length: size * size }, (_, place) => values[place * channels + k] / most), size, size);
      });
      says.textContent = `${words("CNN", Nets.softmax(logits))} ${words("LSTM", rows.at(-1))}`;
    }

    const at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height]; };
    canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); strokes.push(pen = [at(event)]); redraw(); };
    canvas.onpointermove = (event) => { if (pen) { pen.push(at(event)); redraw(); } };
    canvas.onpointerup = canvas.onpointercancel = () => { pen = null; };
    let key = { place: [140, 60], down: false };
    canvas.onkeydown = (event) => {
      const step = { ArrowUp: [0, -10], ArrowDown: [0, 10], ArrowLeft: [-10, 0], ArrowRight: [10, 0] }[event.key];
      if (step) key.place = key.place.map((x, axis) => Math.max(10, Math.min(SIDE - 10, x + step[axis])));
      else if (event.key === " ") key.down = !key.down;
      else return;
      event.preventDefault();
      if (event.key === " " && key.down) strokes.push([]);
      if (key.down) strokes.at(-1).push(key.place);
      redraw();
      if (!key.down) says.textContent = `The pen is up at ${key.place.map((x) => Math.round(x / 28)).join(", ")} of 10, 10. ${says.textContent}`;
    };

    const set = (name) => (on) => { steps[name] = on; redraw(); };
    lab.append(
      row(panel("draw here", canvas), panel("what the networks see", seen), panel("belief of the LSTM, row by row, 0 to 9", belief)),
      row(button("undo", () => { strokes.pop(); redraw(); }), button("clear", () => { strokes = []; key = { place: [140, 60], down: false }; redraw(); }), ...Object.keys(samples).map((digit) => button(`a ${digit}`, () => { strokes = samples[digit].map((s) => [...s]); redraw(); }))),
      row(checkbox("cut out the ink, 20 pixels", set("cut")), checkbox("centre of mass to the middle", set("centre")), checkbox("ink is bright", set("bright"))),
      panel("eight maps after each round of the CNN", maps),
      says,
    );
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    redraw();
  }));
})();
