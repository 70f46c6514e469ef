/* Chapter 18: type an alignment and see it collapse; then the lattice of all alignments of a label, first with probabilities that the
   reader sets, then with those that a network gives to a drawn number. */
(() => {
  "use strict";
  const { h, need, grid, button, row, panel, announcer, tint } = window.Labs;
  const T = 6, digits = [..."0123456789"];

  /* First merge what repeats, then drop the blanks. */
  const merged = (alignment) => [...alignment].filter((s, i, all) => s !== all[i - 1]).join("");
  const collapse = (alignment) => merged(alignment).replaceAll("-", "");
  const spoken = (symbol) => (symbol === "-" ? "blank" : symbol);

  /* alpha[t][s]: the probability of all beginnings of alignments that stand at place s of the label with blanks around, at timestep t.
     `probabilities` holds one line a timestep, one number a symbol. */
  function lattice(label, probabilities, symbols = ["-", "3", "7"]) {
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

  /* The share of all alignments of the label, by probability, that pass each place at each timestep: beginnings times endings. The endings
     are the beginnings of the label read backwards. */
  function passing(label, probabilities, symbols) {
    const { places, alpha, total } = lattice(label, probabilities, symbols);
    const back = lattice([...label].reverse().join(""), [...probabilities].reverse(), symbols).alpha.reverse().map((line) => line.reverse());
    const share = alpha.map((line, t) => line.map((a, s) => (a ? a * back[t][s] / probabilities[t][symbols.indexOf(places[s])] / total : 0)));
    return { places, share, total };
  }

  const timesteps = (label) => label.length + [...label].filter((s, i) => s === label[i - 1]).length;

  function verdict(label, total, columns) {
    if (timesteps(label) > columns) return `"${label}" needs ${timesteps(label)} timesteps, because two equal digits need a blank between them; there are ${columns}.`;
    return `All alignments of "${label}" together: ${total < 0.001 ? total.toExponential(1) : total.toFixed(3)}, so the loss is ${(-Math.log(total)).toFixed(3)}.`;
  }

  Object.assign(window.Labs, { ctc: { collapse, lattice, passing } });

  /* A lattice with probabilities that the reader sets: weights, one row a symbol and one column a timestep, scaled to sum to 1. */
  function byHand() {
    const symbols = ["-", "3", "7"], scores = [[1, 1, 4, 1, 1, 4], [4, 4, 1, 1, 1, 1], [1, 1, 1, 4, 4, 1]];
    const label = h("input", { type: "text", value: "37", maxLength: 3, pattern: "[37]*", spellcheck: false, "aria-label": "label, made of 3 and 7" });
    const [stage, says] = [row(), announcer()];
    const share = (k, t) => scores[k][t] / scores.reduce((sum, line) => sum + line[t], 0);

    function draw() {
      const wanted = [...label.value].filter((s) => s === "3" || s === "7").join("");
      const { places, alpha, total } = lattice(wanted, scores[0].map((_, t) => symbols.map((_, k) => share(k, t))));
      const input = grid("what the network says: probability of each symbol at each timestep", symbols.length, T, {
        names: [symbols],
        draw(cell, k, t) {
          cell.textContent = share(k, t).toFixed(2);
          tint(cell, share(k, t), 1);
          cell.classList.add("lab-edit");
          cell.setAttribute("aria-label", `${spoken(symbols[k])} at timestep ${t}: ${share(k, t).toFixed(2)}`);
        },
        act(k, t) {
          scores[k][t] = scores[k][t] >= 16 ? 1 : 4 * scores[k][t];
          draw();
          stage.querySelector("table").cell(k, t).focus();
        },
      });
      const largest = Math.max(...alpha.flat(), 1e-12);
      const paths = grid("lattice: probability of reaching each place at each timestep", places.length, T, {
        names: [places],
        draw(cell, s, t) {
          cell.textContent = alpha[t][s] ? alpha[t][s].toFixed(3) : "";
          tint(cell, alpha[t][s], largest);
          cell.setAttribute("aria-label", `place ${s}, ${spoken(places[s])}, timestep ${t}: ${alpha[t][s].toFixed(3)}`);
        },
      });
      stage.replaceChildren(panel("what the network says (click to make a symbol likelier)", input), panel("lattice", paths));
      says.textContent = verdict(wanted, total, T);
    }

    label.oninput = draw;
    draw();
    return [h("label", { className: "lab-field" }, "label ", label), stage, says];
  }

  /* A number drawn on a strip: what a trained reader says in each column, and the lattice of a label in it. */
  function drawn() {
    const { Nets, Strokes: { samples, paper }, Ink } = window, network = Nets.unpack(window.Reader), symbols = ["-", ...digits];
    const label = h("input", { type: "text", maxLength: 6, inputMode: "numeric", pattern: "[0-9]*", spellcheck: false, "aria-label": "label of your drawing, made of digits" });
    const [stage, says, detail] = [h("div"), announcer(), h("p", { className: "lab-title" })];
    let [probabilities, read, asked] = [[], "", 0];

    /* The ink, 22 pixels high, in the middle of a strip of 32, with paper before and behind it. */
    function strip(page) {
      const box = Ink.box(page);
      if (!box) return null;
      const long = Math.max(box.height, box.width), glyph = Ink.fit(Ink.cut(page, box), long * Math.min(22 / box.height, 200 / box.width));
      const width = 4 * Math.ceil((glyph.width + 12) / 4), values = new Float64Array(32 * width), top = (32 - glyph.height) >> 1;
      glyph.values.forEach((x, k) => { values[(top + Math.floor(k / glyph.width)) * width + 6 + (k % glyph.width)] = x / 255; });
      return { values, width };
    }

    function look() {
      const found = strip(sheet.read());
      if (!found) {
        [probabilities, read] = [[], ""];
        stage.replaceChildren();
        says.textContent = `Draw a number of up to six digits; they may touch.${sheet.where()}`;
        return;
      }
      probabilities = Nets.readStrip(network, found.values, found.width).map(Nets.softmax);
      read = collapse(probabilities.map((line) => symbols[line.indexOf(Math.max(...line))]).join(""));
      label.value = read;
      show();
    }

    const map = (title, names, value, tell) => {
      const table = grid(title, names.length, probabilities.length, {
        names: [names],
        draw(cell, k, t) {
          tint(cell, value(k, t), 1);
          cell.setAttribute("aria-label", tell(k, t));
        },
        look(k, t) { detail.textContent = tell(k, t); },
      });
      table.classList.add("lab-map");
      table.style.setProperty("--cell", "1.1rem");
      return panel(title, table);
    };

    function show() {
      if (!probabilities.length) return;
      const wanted = label.value.replace(/\D/g, ""), { places, share, total } = passing(wanted, probabilities, symbols);
      const percent = (x) => `${(100 * x).toFixed(x < 0.1 ? 1 : 0)} %`;
      detail.textContent = "Point at a square, or walk through the squares with the arrow keys.";
      stage.replaceChildren(
        map(`what the network says in each of ${probabilities.length} columns`, symbols, (k, t) => probabilities[t][k], (k, t) => `column ${t}: ${spoken(symbols[k])} ${percent(probabilities[t][k])}`),
        map(`lattice of "${wanted}": where its alignments pass`, places, (s, t) => (timesteps(wanted) > probabilities.length ? 0 : share[t][s]), (s, t) => `column ${t}, place ${s}, ${spoken(places[s])}: ${percent(share[t][s])} of the alignments pass here`),
        detail,
      );
      says.textContent = `The likeliest alignment reads ${read ? `"${read}"` : "nothing"}. ${verdict(wanted, total, probabilities.length)}${sheet.where()}`;
    }

    const sheet = paper(480, 120, 12, () => { asked ||= requestAnimationFrame(() => { asked = 0; look(); }); });
    /* Sample strokes side by side, at four tenths of their size. */
    const number = (text, gap) => [...text].flatMap((digit, k) => samples[digit].map((stroke) => stroke.map(([x, y]) => [0.4 * x + 20 + gap * k, 0.4 * y + 4])));
    label.oninput = show;
    requestAnimationFrame(() => sheet.start(number("37", 90)));              // once it is in the page, and knows its colours
    return [
      panel("draw a number", sheet.desk),
      row(button("undo", sheet.undo), button("clear", () => sheet.start([])), ...[["37", 90], ["2018", 75], ["335", 52]].map(([text, gap]) => button(`a ${text}`, () => sheet.start(number(text, gap))))),
      h("label", { className: "lab-field" }, "label ", label), stage, says,
      h("p", { className: "lab-title" }, "Your drawing stays in this page: nothing is sent, and nothing is stored."),
    ];
  }

  window.Labs.define("ctc", (lab) => need("nets.js", "ink.js", "strokes.js", "../models/reader.js").then(() => {
    const steps = announcer();
    const alignment = h("input", { type: "text", value: "33--37-7", maxLength: 24, spellcheck: false, "aria-label": "alignment, with - for the blank" });
    alignment.oninput = () => {
      const text = alignment.value;
      steps.textContent = `${text || "nothing"} → repeats merged: ${merged(text) || "nothing"} → blanks dropped: ${collapse(text) || "nothing"}`;
    };
    alignment.oninput();
    const part = (title, ...children) => h("div", { className: "lab-part", role: "group", "aria-label": title }, h("p", { className: "lab-heading" }, title), ...children);
    lab.append(
      part("Collapse an alignment", h("label", { className: "lab-field" }, "alignment ", alignment), steps),
      part("Fill a lattice", ...byHand()),
      part("Draw a number", ...drawn()),
    );
  }));
})();
