/* Chapters 08, 09 and 17, and the first page: draw a digit, and watch the lean CNN see it and the LSTM read it row by row. */
(() => {
  "use strict";
  const { h, need, button, row, panel, announcer, paint } = window.Labs;
  const switches = { cut: "cut out the ink", scale: "make it 20 pixels long", centre: "move its centre of mass to the middle", invert: "invert: dark ink becomes bright" };

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

  window.Labs.define("draw", (lab) => need("nets.js", "ink.js", "strokes.js", "../models/lean_cnn.js", "../models/lstm.js").then(() => {
    const { Nets, Strokes: { SIDE, PEN, samples, hard, paper, pageOf, normalised } } = window;
    const networks = { cnn: Nets.unpack(window.LeanCnn), lstm: Nets.unpack(window.Lstm) };
    const steps = { cut: true, scale: true, centre: true, invert: true };
    const picture = (className, label) => h("canvas", { className, role: "img", "aria-label": label });
    const seen = picture("lab-seen", "the 28 by 28 pixels that the networks are given");
    const belief = picture("lab-belief", "what the LSTM believes after each of the 28 rows: one column for each digit, the darker the surer");
    const rounds = ["16 maps of 14 x 14", "32 maps of 7 x 7", "64 maps of 7 x 7"].map((text, r) => [`round ${r + 1}: ${text}`, picture("lab-maps", `the ${text} after round ${r + 1}`)]);
    const [says, counted] = [announcer(), announcer()];
    let [job, waiting] = [null, false];

    /* The work after a stroke, in small steps. However many points come meanwhile, they are read when it is done. */
    function* reading() {
      waiting = false;
      const image = normalised(sheet.read(), steps);
      lab.classList.toggle("lab-empty", !image);
      if (!image) { says.textContent = `Draw a digit.${sheet.where()}`; return; }
      paint(seen, image, 28, 28);
      yield;
      const { logits, seen: maps } = Nets.leanCnn(networks.cnn, image);
      yield;
      maps.forEach((round, r) => paint(rounds[r][1], ...mosaic(round)));
      const rows = [];
      for (const row of Nets.lstmRows(networks.lstm, image)) { rows.push(Nets.softmax(row)); yield; }
      paint(belief, rows.flat(), 10, 28);
      const answers = rows.map(best), since = answers.findLastIndex((digit) => digit !== answers[27]) + 2;
      says.textContent = `${words("CNN", Nets.softmax(logits))} ${words("LSTM", rows[27])} The LSTM's first choice is ${answers[27]} from row ${since} of 28 on.${sheet.where()}`;
    }

    /* A few steps a frame, so that even a slow machine draws the stroke without a stop. A fast one does them all in one frame. */
    function work() {
      const start = performance.now();
      let step;
      do step = job.next(); while (!step.done && performance.now() - start < 5);
      if (step.done) job = waiting ? reading() : null;
      if (job) requestAnimationFrame(work);
    }

    function changed() {
      waiting = true;
      if (job) return;
      job = reading();
      requestAnimationFrame(work);
    }

    /* How many of the 40 hard drawings are read with these steps: one after the other, so that the page stays awake. */
    const results = {};
    async function count() {
      const now = { ...steps }, name = JSON.stringify(now), read = { cnn: 0, lstm: 0 };
      for (const { label, strokes } of results[name] ? [] : hard) {
        const image = normalised(pageOf(strokes), now);
        read.cnn += best([...Nets.leanCnn(networks.cnn, image).logits]) === label;
        read.lstm += best([...Nets.lstm(networks.lstm, image).at(-1)]) === label;
        await new Promise((done) => setTimeout(done));
      }
      results[name] ??= read;
      if (name === JSON.stringify(steps)) counted.textContent = `Of ${hard.length} sample drawings, large and small, in all corners, the CNN reads ${results[name].cnn} and the LSTM ${results[name].lstm} with these steps.`;
    }

    function stepSwitch([name, text]) {
      const input = h("input", { type: "checkbox", checked: true });
      input.onchange = () => { steps[name] = input.checked; changed(); count(); };
      return h("label", { className: "lab-field" }, input, text);
    }

    const sheet = paper(SIDE, SIDE, PEN, changed);
    lab.append(
      row(
        panel("draw here", sheet.desk),
        panel("what they see", seen),
        panel("LSTM, row by row", belief, h("div", { className: "lab-digits", ariaHidden: "true" }, ...Array.from({ length: 10 }, (_, digit) => h("span", {}, String(digit))))),
      ),
      says,
      row(button("undo", sheet.undo), button("clear", () => sheet.start([])), ...samples.map((strokes, digit) => button(`a ${digit}`, () => sheet.start(strokes.map((stroke) => [...stroke]))))),
      row(...rounds.map(([title, maps]) => panel(`CNN, ${title}`, maps))),
      h("p", { className: "lab-title" }, "What happens to your drawing before a network sees it. Leave out a step:"),
      row(...Object.entries(switches).map(stepSwitch)),
      counted,
      h("p", { className: "lab-title" }, "Your drawing stays in this page: nothing is sent, and nothing is stored."),
    );
    sheet.start([]);
    counted.textContent = "How many of the sample drawings are read with these steps?";
    const watcher = new IntersectionObserver((sightings) => {
      if (!sightings.some(({ isIntersecting }) => isIntersecting)) return;
      watcher.disconnect();
      count();
    });
    watcher.observe(counted);
  }));
})();
