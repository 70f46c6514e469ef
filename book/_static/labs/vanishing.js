/* Chapters 10 and 14: how much of the gradient that enters at the last timestep arrives at each earlier one. */
(() => {
  "use strict";
  const { need, slider, choice, row, panel, announcer, tint, h } = window.Labs;

  /* What one timestep back multiplies by. A plain neuron: its recurrent weight times the slope of tanh, which is 1 - h². A gated cell:
     its forget gate. */
  const factor = (kind, weight, state, forget) => (kind === "plain neuron" ? weight * (1 - state * state) : forget);

  window.Labs.define("vanishing", (lab) => need("plot.js").then(() => {
    const { plot } = window.Labs;
    const now = { kind: "plain neuron", timesteps: 28, weight: 0.9, state: 0.3, forget: 0.95 };
    const [says, figure, settings, chain] = [announcer(), h("div"), row(), h("div", { className: "lab-chain", role: "img" })];
    const set = (name) => (value) => { now[name] = value; draw(); };

    function draw() {
      const each = factor(now.kind, now.weight, now.state, now.forget);
      const logs = Array.from({ length: now.timesteps }, (_, t) => (now.timesteps - 1 - t) * Math.log10(Math.max(each, 1e-12)));
      const [low, high] = [Math.min(-4, Math.max(-16, Math.floor(logs[0]))), Math.max(1, Math.min(16, Math.ceil(logs[0])))];
      const first = each ** (now.timesteps - 1);
      const verdict = first < 1e-3 ? "It has vanished." : first > 1e3 ? "It explodes." : "The first timestep can still learn.";
      figure.replaceChildren(plot(`Logarithm of the gradient against the timestep, from ${logs[0].toFixed(1)} at the first to 0 at the last`, [{ name: now.kind, values: logs }], low, high, "power of ten, first to last timestep"));
      /* The unfolded network: one box a timestep. The colour falls by one part in four with each power of ten that is lost. */
      chain.replaceChildren(...logs.map((log) => { const box = h("i"); tint(box, Math.max(0, 1 + Math.min(log, 0) / 4), 1); return box; }));
      chain.setAttribute("aria-label", `${now.timesteps} timesteps; the gradient is above a thousandth in the last ${logs.filter((log) => log > -3).length} of them`);
      says.textContent = `One timestep back multiplies by ${each.toFixed(3)}. Of a gradient of 1 at timestep ${now.timesteps}, ${first.toPrecision(2)} arrives at timestep 1. ${verdict}`;
      settings.replaceChildren(...(now.kind === "plain neuron" ? plain : gated));
    }

    const plain = [slider("recurrent weight", 0, 2, 0.01, now.weight, set("weight")), slider("size of the state", 0, 0.99, 0.01, now.state, set("state"))];
    const gated = [slider("forget gate", 0, 1, 0.01, now.forget, set("forget"))];
    lab.append(row(choice("cell", ["plain neuron", "gated cell"], now.kind, set("kind")), slider("timesteps", 2, 100, 1, now.timesteps, set("timesteps"))), settings, panel("unfolded: one box a timestep, the fuller the more of the gradient arrives", chain), figure, says);
    draw();
  }));
})();
