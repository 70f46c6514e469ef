/* Chapter 18: type an alignment and see it collapse; then the lattice of all alignments of a label, with its probabilities. */
(() => {
  "use strict";
  const { h, grid, row, panel, announcer, tint } = window.Labs;
  const symbols = ["-", "3", "7"], T = 6;

  /* First merge what repeats, then drop the blanks. */
  const merged = (alignment) => [...alignment].filter((s, i, all) => s !== all[i - 1]).join("");
  const collapse = (alignment) => merged(alignment).replaceAll("-", "");

  /* alpha[t][s]: the probability of all beginnings of alignments that stand at place s of the label with blanks around, at timestep t. */
  function lattice(label, probabilities) {
    const places = ["-", ...[...label].flatMap((s) => [s, "-"])];
    const alpha = [];
    for (let t = 0; t < probabilities.length; t++) {
      alpha.push(places.map((symbol, s) => {
        let sum = t ? alpha[t - 1][s] + (alpha[t - 1][s - 1] ?? 0) : Number(s < 2);
        if (t && symbol !== "-" && symbol !== places[s - 2]) sum += alpha[t - 1][s - 2] ?? 0;
        return sum * probabilities[t][symbols.indexOf(symbol)];
      }));
    }
    const last = alpha.at(-1);
    return { places, alpha, total: last.at(-1) + (last.at(-2) ?? 0) };
  }

  window.Labs.ctc = { collapse, lattice };
  window.Labs.define("ctc", (lab) => {
    const [steps, says] = [announcer(), announcer()];
    const alignment = h("input", { type: "text", value: "33--37-7", maxLength: 24, spellcheck: false, "aria-label": "alignment, with - for the blank" });
    alignment.oninput = () => {
      const text = alignment.value;
      steps.textContent = `${text || "nothing"} → repeats merged: ${merged(text) || "nothing"} → blanks dropped: ${collapse(text) || "nothing"}`;
    };

    /* Weights, one row a symbol and one column a timestep; each column is scaled to sum to 1. */
    let scores = [[1, 1, 4, 1, 1, 4], [4, 4, 1, 1, 1, 1], [1, 1, 1, 4, 4, 1]];
    const label = h("input", { type: "text", value: "37", maxLength: 3, pattern: "[37]*", spellcheck: false, "aria-label": "label, made of 3 and 7" });
    const stage = row();
    const share = (k, t) => scores[k][t] / scores.reduce((sum, line) => sum + line[t], 0);

    function draw() {
      const wanted = [...label.value].filter((s) => s === "3" || s === "7").join("");
      const { places, alpha, total } = lattice(wanted, scores[0].map((_, t) => symbols.map((_, k) => share(k, t))));
      const named = (table, names) => { table.querySelectorAll("tr").forEach((line, k) => line.prepend(h("th", { scope: "row" }, names[k]))); return table; };
      const input = grid("what the network says: probability of each symbol at each timestep", symbols.length, T, {
        draw(cell, k, t) {
          cell.textContent = share(k, t).toFixed(2);
          tint(cell, share(k, t), 1);
          cell.classList.add("lab-edit");
          cell.setAttribute("aria-label", `${symbols[k] === "-" ? "blank" : symbols[k]} at timestep ${t}: ${share(k, t).toFixed(2)}`);
        },
        act(k, t) {
          scores[k][t] = scores[k][t] >= 16 ? 1 : 4 * scores[k][t];
          draw();
          stage.querySelector("table").cell(k, t).focus();
        },
      });
      const largest = Math.max(...alpha.flat(), 1e-12);
      const paths = grid("lattice: probability of reaching each place at each timestep", places.length, T, {
        draw(cell, s, t) {
          cell.textContent = alpha[t][s] ? alpha[t][s].toFixed(3) : "";
          tint(cell, alpha[t][s], largest);
          cell.setAttribute("aria-label", `place ${s}, ${places[s] === "-" ? "blank" : places[s]}, timestep ${t}: ${alpha[t][s].toFixed(3)}`);
        },
      });
      stage.replaceChildren(panel("what the network says (click to make a symbol likelier)", named(input, symbols)), panel("lattice", named(paths, places)));
      const needed = wanted.length + [...wanted].filter((s, i) => s === wanted[i - 1]).length;
      says.textContent = needed > T
        ? `"${wanted}" needs ${needed} timesteps, because two equal digits need a blank between them; there are ${T}.`
        : `All alignments of "${wanted}" together: ${total.toFixed(3)}, so the loss is ${(-Math.log(total)).toFixed(3)}.`;
    }

    label.oninput = draw;
    lab.append(h("label", { className: "lab-field" }, "alignment ", alignment), steps, h("label", { className: "lab-field" }, "label ", label), stage, says);
    alignment.oninput();
    draw();
  });
})();
