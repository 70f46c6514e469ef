/* Chapters 09 and 17: what the two networks of the book misread. Choose a cell of a table, and see its images, the surest answers first. */
(() => {
  "use strict";
  const { h, need, grid, choice, row, panel, announcer, tint, paint, onTheme } = window.Labs;
  const digits = [...Array(10).keys()];
  const views = {
    "what the CNN reads": { table: "cnn", rows: "the label", columns: "what the CNN reads" },
    "what the LSTM reads": { table: "lstm", rows: "the label", columns: "what the LSTM reads" },
    "where they disagree": { table: "both", rows: "what the CNN reads", columns: "what the LSTM reads" },
  };
  const answer = (thousandths) => thousandths.indexOf(Math.max(...thousandths));
  const percent = (thousandths) => `${Math.round(Math.max(...thousandths) / 10)} %`;
  const images = (n) => (n === 1 ? "1 image" : `${n.toLocaleString("en")} images`);

  /* The 28 x 28 pixels, from the rectangle that holds the ink. */
  function unpack({ box: [top, left, height, width], bytes }) {
    const ink = atob(bytes), page = new Float64Array(784);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) page[28 * (top + i) + left + j] = ink.charCodeAt(i * width + j) / 255;
    return page;
  }

  /* The images of a cell: wrong answers by how sure they are, the surest first; right ones the other way round. */
  function cellImages({ images }, view, i, j) {
    const sure = (e) => (view === "both" ? Math.max(...e.cnn) + Math.max(...e.lstm) : Math.max(...e[view]));
    const rows = (e) => (view === "both" ? answer(e.cnn) : e.label), columns = (e) => answer(view === "both" ? e.lstm : e[view]);
    const found = images.filter((e) => rows(e) === i && columns(e) === j && !(view === "both" && i === j && e.label === i));
    return found.sort((a, b) => (view !== "both" && i === j ? sure(a) - sure(b) : sure(b) - sure(a)));
  }

  window.Labs.errors = { unpack, cellImages, answer };
  window.Labs.define("errors", (lab) => need("../models/errors.js").then(() => {
    const data = window.Errors;
    let [{ table, rows, columns }, place] = [views["what the CNN reads"], [4, 9]];
    const says = announcer(), gallery = h("div", { className: "lab-gallery" }), stage = h("div");

    function picture(image) {
      const canvas = h("canvas", { className: "lab-image", ariaHidden: "true" });
      const line = (name, thousandths) => h("span", { className: answer(thousandths) === image.label ? "" : "lab-wrong" }, `${name}: ${answer(thousandths)}, ${percent(thousandths)}`);
      const figure = h("div", { className: "lab-shown" }, canvas, h("span", {}, `label ${image.label}`), line("CNN", image.cnn), line("LSTM", image.lstm), h("small", {}, `no. ${image.index}`));
      figure.repaint = () => paint(canvas, unpack(image), 28, 28);
      return figure;
    }

    const repaint = () => gallery.querySelectorAll(".lab-shown").forEach((figure) => figure.repaint());

    function sentence(found) {
      const [i, j] = place, count = data.tables[table][i][j], right = data.tables[table].reduce((sum, line, digit) => sum + line[digit], 0);
      if (table !== "both") {
        const name = table === "cnn" ? "CNN" : "LSTM", start = `The ${name} reads ${right.toLocaleString("en")} of 10,000 images right.`;
        if (i === j) return `${start} It reads ${i} as ${i} in ${images(count)}. Here are the ${found.length} it is least sure of.`;
        return `${start} It reads ${i} as ${j} in ${images(count)}${count > 1 ? ", the surest first" : ""}.`;
      }
      const start = `The two agree on ${right.toLocaleString("en")} of 10,000 images.`;
      if (i === j) return `${start} Both read ${i} in ${images(count)}; the label says something else in ${found.length} of them.`;
      const by = (name) => found.filter((e) => answer(e[name]) === e.label).length;
      return `${start} The CNN reads ${i} where the LSTM reads ${j} in ${images(count)}${count ? `: the CNN is right in ${by("cnn")}, the LSTM in ${by("lstm")}` : ""}.`;
    }

    function show(i, j) {
      place = [i, j];
      board.redraw();
      const found = cellImages(data, table, i, j);
      gallery.replaceChildren(...found.map(picture));
      repaint();
      says.textContent = sentence(found);
    }

    let board;
    function build() {
      const counts = data.tables[table], most = Math.max(...counts.flatMap((line, i) => line.filter((_, j) => i !== j)));
      board = grid(`rows: ${rows}; columns: ${columns}; press space to see the images`, 10, 10, {
        names: [digits, digits],
        draw(cell, i, j) {
          cell.textContent = counts[i][j] || "";
          tint(cell, i === j ? -0.4 * most : counts[i][j], most);
          cell.classList.add("lab-edit");
          cell.classList.toggle("lab-window", i === place[0] && j === place[1]);
          cell.setAttribute("aria-selected", String(i === place[0] && j === place[1]));
          cell.setAttribute("aria-label", `${rows} ${i}, ${columns} ${j}: ${counts[i][j]}`);
        },
        act: show,
      });
      board.classList.add("lab-counts");
      stage.replaceChildren(panel(`row: ${rows}; column: ${columns} (click a number)`, board));
      show(...place);
    }

    lab.append(
      row(choice("show", Object.keys(views), "what the CNN reads", (name) => { ({ table, rows, columns } = views[name]); build(); })),
      row(stage, panel("the images of that cell", gallery)),
      says,
      h("p", { className: "lab-title" }, "The two networks that come with the book, on the 10,000 test images. On the diagonal stands what was read right, or where both agree."),
    );
    onTheme(repaint);
    build();
  }));
})();
