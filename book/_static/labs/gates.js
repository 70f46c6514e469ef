/* Chapter 15: one LSTM cell. Open and shut its gates at each timestep, and watch the cell write, keep, reset and read. */
(() => {
  "use strict";
  const { grid, button, row, panel, plot, announcer, tint, h } = window.Labs;
  const names = ["candidate", "input gate", "forget gate", "output gate"];
  const T = 12;
  const all = (value) => Array(T).fill(value);
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
    for (let t = 0; t < T; t++) {
      cell.push(forget[t] * (cell[t - 1] ?? 0) + input[t] * candidate[t]);
      hidden.push(output[t] * Math.tanh(cell[t]));
    }
    return { cell, hidden };
  }

  window.Labs.runCell = run;
  window.Labs.define("gates", (lab) => {
    let gates = stories["write, keep, read"].map((line) => [...line]);
    const [says, figure] = [announcer(), h("div")];
    const levels = (k) => (k === 0 ? [0, 0.3, 0.9, -0.9] : [0, 0.5, 1]);

    const board = grid("candidate and gates at each timestep; press space to change", 4, T, {
      names: [names],
      draw(cell, k, t) {
        cell.textContent = String(gates[k][t]).replace("-", "−");
        tint(cell, gates[k][t], 1);
        cell.classList.add("lab-edit");
        cell.setAttribute("aria-label", `${names[k]}, timestep ${t}: ${gates[k][t]}`);
      },
      act(k, t) {
        const steps = levels(k);
        gates[k][t] = steps[(steps.indexOf(gates[k][t]) + 1) % steps.length];
        draw(t);
      },
    });

    function draw(t = T - 1) {
      board.redraw();
      const { cell, hidden } = run(gates);
      figure.replaceChildren(plot("Cell state and hidden state through time", [{ name: "cell state", values: cell }, { name: "hidden state", values: hidden }], Math.min(-1, ...cell), Math.max(1, ...cell), "timestep 0 … 11"));
      const before = (cell[t - 1] ?? 0).toFixed(2);
      says.textContent = `Timestep ${t}: cell state ${gates[2][t]} × ${before} + ${gates[1][t]} × ${gates[0][t]} = ${cell[t].toFixed(2)}; hidden state ${gates[3][t]} × tanh(${cell[t].toFixed(2)}) = ${hidden[t].toFixed(2)}.`;
    }

    const tell = (name) => button(name, () => { gates = stories[name].map((line) => [...line]); draw(); });
    lab.append(row(...Object.keys(stories).map(tell)), panel("click a number to change it; time goes to the right", board), figure, says);
    draw();
  });
})();
