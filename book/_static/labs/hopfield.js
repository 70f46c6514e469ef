/* Chapter 12: store patterns in a Hopfield network of 100 units, damage one, and watch the network settle. */
(() => {
  "use strict";
  const { h, grid, choice, need, button, row, panel, announcer, ink, seeded, still } = window.Labs;
  const SIDE = 10, N = SIDE * SIDE, GAIN = 4;
  /* Bold digits 0, 1 and 2: with as much ink as paper they are little alike, which Hebb's rule needs. */
  const digits = [
    "...####...|.########.|.########.|###....###|###....###|###....###|###....###|.########.|.########.|...####...",
    "...####...|...####...|...####...|...####...|...####...|...####...|...####...|...####...|##########|##########",
    "##########|##########|.......###|.......###|##########|##########|###.......|###.......|##########|##########",
  ].map((text) => [...text.replaceAll("|", "")].map((mark) => (mark === "#" ? 1 : -1)));
  const sign = (field, old) => (field > 1e-12 ? 1 : field < -1e-12 ? -1 : old);     // at a tie a unit stays as it is
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

  /* Hebb's rule as in the chapter: mean over units of the products, zeros on the diagonal. */
  function hebb(patterns) {
    const weights = Array.from({ length: N }, () => new Float64Array(N));
    for (const p of patterns) for (let i = 0; i < N; i++) for (let j = 0; j < N; j++) if (i !== j) weights[i][j] += (p[i] * p[j]) / N;
    return weights;
  }

  const field = (weights, state, i) => dot(state, weights[i]);
  const energy = (weights, state) => -0.5 * state.reduce((sum, s, i) => sum + s * field(weights, state, i), 0);
  const overlap = (a, b) => dot(a, b) / N;

  /* Each unit once, in random order; returns the new state and the energy after each update. */
  function sweep(weights, state, random) {
    const next = [...state], trace = [];
    let now = energy(weights, next);
    const order = [...next.keys()].map((i) => [random(), i]).sort((a, b) => a[0] - b[0]).map(([, i]) => i);
    for (const i of order) {
      const pull = field(weights, next, i), wanted = sign(pull, next[i]);
      now -= (wanted - next[i]) * pull;
      next[i] = wanted;
      trace.push(now);
    }
    return { next, trace };
  }

  const together = (weights, state) => state.map((s, i) => sign(field(weights, state, i), s));

  /* Ten small steps of the continuous dynamics du/dt = W tanh(gain u) - u; what is shown is tanh(gain u). */
  function flow(weights, state) {
    let u = state.map((s) => Math.atanh(Math.max(-0.9999, Math.min(0.9999, s))) / GAIN);
    for (let step = 0; step < 10; step++) {
      const v = u.map((x) => Math.tanh(GAIN * x));
      u = u.map((x, i) => x + 0.1 * (field(weights, v, i) - x));
    }
    return u.map((x) => Math.tanh(GAIN * x));
  }

  /* Its own energy: the discrete one, and for each unit the integral of atanh(v) / gain. */
  function continuousEnergy(weights, v) {
    const part = (x) => { const a = Math.min(Math.abs(x), 1 - 1e-12); return a * Math.atanh(a) + 0.5 * Math.log(1 - a * a); };
    return energy(weights, v) + v.reduce((sum, x) => sum + part(x), 0) / GAIN;
  }

  window.Labs.hopfield = { N, hebb, energy, overlap, sweep, together, flow, continuousEnergy };
  window.Labs.define("hopfield", (lab) => need("plot.js").then(() => {
    const { plot } = window.Labs;
    const random = seeded(12);
    let [patterns, weights, mode, timer] = [digits, hebb(digits), "asynchronous", 0];
    let [state, before, trace, steps] = [[...patterns[0]], null, [], 0];
    const [says, memory, figure, circle] = [announcer(), h("div", { className: "lab-memory" }), h("div"), h("div", { className: "lab-memory" })];
    const thumb = (pattern) => h("span", { className: "lab-thumb", style: `--size: ${SIDE}` }, ...pattern.map((s) => h("i", { className: s > 0 ? "on" : "" })));
    let held = 0;                                                            // patterns that stay when they are set
    const learn = (all) => {
      [patterns, weights] = [all, hebb(all)];
      held = patterns.filter((p) => together(weights, p).every((s, i) => s === p[i])).length;
    };

    const board = grid("state of the 100 units; press space to turn one over", SIDE, SIDE, {
      draw(cell, i, j) {
        const value = state[SIDE * i + j];
        ink(cell, (1 + value) / 2);
        cell.setAttribute("aria-label", `unit ${SIDE * i + j}: ${value > 0 ? "plus" : "minus"} ${Math.abs(value).toFixed(mode === "continuous" ? 2 : 0)}`);
      },
      act(i, j) { change(state.map((s, k) => (k === SIDE * i + j ? -Math.sign(s || 1) : Math.sign(s || 1)))); },
    });

    const level = () => (mode === "continuous" ? continuousEnergy(weights, state) : energy(weights, state));
    const same = (a, b, tolerance = 1e-3) => b && a.every((x, i) => Math.abs(x - b[i]) < tolerance);

    function change(next) {
      stop();
      [state, before, steps] = [next, null, 0];
      circle.replaceChildren();
      trace = [level()];
      show("Press step or run.");
    }

    /* One step. Returns true when there is nothing more to see. */
    function step() {
      const old = state;
      if (mode === "asynchronous") {
        const { next, trace: energies } = sweep(weights, state, random);
        state = next;
        trace.push(...energies);
      } else {
        state = mode === "synchronous" ? together(weights, state) : flow(weights, state);
        trace.push(level());
      }
      steps += 1;
      const [settled, cycle] = [same(state, old), mode === "synchronous" && same(state, before)];
      before = old;
      circle.replaceChildren(...(cycle && !settled ? ["the two states of the cycle:", thumb(old), "⇄", thumb(state)] : []));
      show(cycle && !settled ? "A cycle of two states: the network turns for ever." : settled ? `Settled after ${steps} steps. ${name()}` : `Step ${steps}.`);
      return settled || (cycle && steps > 12);
    }

    function name() {
      const all = patterns.map((p) => overlap(state.map(Math.sign), p));
      const best = all.reduce((b, x, i) => (Math.abs(x) > Math.abs(all[b]) ? i : b), 0);
      if (all[best] === 1) return `It is pattern ${best + 1}.`;
      if (all[best] === -1) return `It is pattern ${best + 1} turned inside out, which is stable too.`;
      return `It is no stored pattern: a spurious state, at ${all[best].toFixed(2)} of pattern ${best + 1}.`;
    }

    function run() {
      stop();
      if (still) { for (let i = 0; i < 60 && !step(); i++); return; }
      timer = setInterval(() => { if (step() || steps > 60) stop(); }, 250);
    }
    function stop() { clearInterval(timer); timer = 0; }

    function show(text) {
      board.redraw();
      memory.replaceChildren(...patterns.slice(0, 12).map((p, k) => {
        const b = button("", () => change([...p]));
        b.append(thumb(p), `${k + 1}`);
        b.setAttribute("aria-label", `set the state to pattern ${k + 1}`);
        return b;
      }));
      const shown = trace.length ? trace : [0];
      figure.replaceChildren(plot("Energy after each update", [{ name: "energy", values: shown }], Math.min(...shown) - 1, Math.max(...shown) + 1, "updates"));
      says.textContent = `${patterns.length} patterns stored, ${held} of them stable; about ${Math.round(0.138 * N)} random ones are the limit of 0.138 per unit. ${text}`;
    }

    function store(added) { learn([...patterns, ...added]); change(state); }
    const flip = (share) => state.map((s) => (random() < share ? -1 : 1) * Math.sign(s || 1));

    lab.append(
      row(choice("units change", ["asynchronous", "synchronous", "continuous"], mode, (value) => { mode = value; change(state.map((s) => Math.sign(s || 1))); })),
      row(panel("state (click a unit)", board), panel("stored (click to recall as the state)", memory, row(
        button("store the state", () => store([state.map((s) => Math.sign(s || 1))])),
        button("add 5 random patterns", () => store(Array.from({ length: 5 }, () => Array.from({ length: N }, () => (random() < 0.5 ? -1 : 1))))),
        button("forget all but three", () => { learn(patterns.slice(0, 3)); change(state); }),
      ))),
      row(button("damage 20 %", () => change(flip(0.2))), button("blank the lower half", () => change(state.map((s, i) => (i < N / 2 ? Math.sign(s || 1) : -1)))), button("step", step), button("run", run)),
      circle,
      figure,
      says,
    );
    learn(digits);
    change(flip(0.2));
  }));
})();
