/* Chapter 15: one LSTM cell. Open and shut its gates at each timestep, and watch the cell write, keep, reset and read. */
(() => {
  "use strict";
  const { need, grid, slider, choice, button, row, panel, announcer, tint, h, drawings, enlarge } = window.Labs;
  const names = ["candidate", "input gate", "forget gate", "output gate"];
  const all = (value) => Array(12).fill(value);
  const only = (value, ...places) => all(0).map((x, t) => (places.includes(t) ? value : x));
  const stories = {
    "write, keep, read": [only(0.9, 2, 5, 8), only(1, 2), all(1), only(1, 10)],
    reset: [only(0.9, 1), only(1, 1), all(1).map((x, t) => (t === 6 ? 0 : x)), all(1)],
    count: [all(0).map((x, t) => (t % 3 === 1 ? 0.3 : 0)), all(1), all(1), all(1)],
    "leak away": [only(0.9, 1), only(1, 1), all(0.5), all(1)],
  };

  /* The cell state and the hidden state after each timestep: c = f c + i g, h = o tanh(c). */
  function run([candidate, input, forget, output]) {
    const [cell, hidden] = [[], []];
    candidate.forEach((_, t) => {
      cell.push(forget[t] * (cell[t - 1] ?? 0) + input[t] * candidate[t]);
      hidden.push(output[t] * Math.tanh(cell[t]));
    });
    return { cell, hidden };
  }

  /* What a unit of the book's LSTM does with its gates while it reads a picture: four lines, one number a row of pixels. */
  function learned(network, image, unit) {
    const seen = [];
    window.Nets.lstm(network, image, unit, seen);
    return names.map((_, k) => seen.map((values) => values[k]));
  }

  Object.assign(window.Labs, { runCell: run, learnedGates: learned });
  window.Labs.define("gates", (lab) => need("plot.js", "nets.js", "../models/lstm.js").then(() => {
    const { plot } = window.Labs, network = window.Nets.unpack(window.Lstm);
    let [gates, at, turn, board] = [[], 11, "this timestep", null];
    const [says, figure, stage, sliders, reader] = [announcer(), h("div"), h("div"), row(), row()];
    const shown = (x) => String(Math.round(100 * x) / 100).replace("-", "−");
    const levels = (k) => (k === 0 ? [0, 0.3, 0.9, -0.9] : [0, 0.5, 1]);

    function start(lines) {
      gates = lines.map((line) => [...line]);
      const T = gates[0].length;
      at = T - 1;
      board = grid("candidate and gates at each timestep; press space to change", 4, T, {
        names: [names, [...Array(T).keys()]],
        draw(cell, k, t) {
          cell.textContent = shown(gates[k][t]);
          tint(cell, gates[k][t], 1);
          cell.classList.add("lab-edit");
          cell.classList.toggle("lab-window", t === at);
          cell.setAttribute("aria-label", `${names[k]}, timestep ${t}: ${shown(gates[k][t])}`);
        },
        act(k, t) {
          const steps = levels(k);
          gates[k][t] = steps[(steps.indexOf(gates[k][t]) + 1) % steps.length];
          choose(t);
        },
      });
      stage.replaceChildren(panel("click a number to change it; time goes to the right", board));
      choose(at);
    }

    /* The sliders turn the gates of one timestep, or of all. */
    function choose(t) {
      at = t;
      sliders.replaceChildren(...names.map((name, k) => slider(`${name} at timestep ${at}`, k ? 0 : -1, 1, 0.01, Math.round(100 * gates[k][at]) / 100, (value) => {
        gates[k] = gates[k].map((old, when) => (when === at || turn === "all timesteps" ? value : old));
        draw();
      })));
      draw();
    }

    function draw() {
      board.redraw();
      const { cell, hidden } = run(gates), last = cell.length - 1, high = Math.ceil(Math.max(1, ...cell.map(Math.abs)) * 10) / 10;
      const two = (x) => x.toFixed(2).replace("-", "−"), now = two(cell[at]);
      figure.replaceChildren(plot("Cell state and hidden state through time", [{ name: "cell state", values: cell }, { name: "hidden state", values: hidden }], -high, high, `timestep 0 … ${last}`));
      says.textContent = `Timestep ${at}: cell state ${shown(gates[2][at])} × ${two(cell[at - 1] ?? 0)} + ${shown(gates[1][at])} × ${shown(gates[0][at])} = ${now}; hidden state ${shown(gates[3][at])} × tanh(${now}) = ${two(hidden[at])}.`;
    }

    const tell = (name) => button(name, () => { reader.replaceChildren(); start(stories[name]); });
    function read(unit, digit) {
      const show = () => start(learned(network, enlarge(drawings[digit]), unit));
      reader.replaceChildren(
        slider("unit of the book's LSTM", 0, 127, 1, unit, (value) => { unit = value; show(); }),
        choice("reads a", Object.keys(drawings), digit, (name) => { digit = name; show(); }),
      );
      show();
    }

    lab.append(
      row(...Object.keys(stories).map(tell), button("learned gates", () => read(0, "seven"))), reader, stage,
      row(choice("the sliders turn", ["this timestep", "all timesteps"], turn, (value) => { turn = value; })), sliders, figure, says,
    );
    start(stories["write, keep, read"]);
  }));
})();
