/* The labs: interactive figures in the page. A chapter holds a plain link to its own page that ends in `#lab-name`. Here
   that link becomes the element <lab-name>, and the script that draws it is fetched. Classic scripts, no modules and no
   fetch, because both are forbidden on pages opened from a disk. Nothing leaves the page. */
(() => {
  "use strict";
  const folder = document.currentScript.src.replace(/labs\.js.*$/, "");

  /* An element: h("button", { onclick: f, "aria-label": "up" }, "text", child). Properties where they exist, else attributes. */
  function h(tag, settings = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(settings)) {
      if (name in element && !name.includes("-")) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /* A grid of cells that arrow keys walk through. `draw(cell, row, column)` fills a cell; `act` is called on click and space,
     `look` when a cell is pointed at or reached by the keyboard; `names` are those of the rows and, if wanted, of the columns.
     Returns the table, with redraw() and cell(row, column). */
  function grid(label, rows, columns, { draw, act, look, names = [] }) {
    const table = h("table", { className: "lab-grid", role: "grid", "aria-label": label });
    const cells = [];
    const head = (role, text) => h("th", { role }, String(text));
    if (names[1]) table.append(h("tr", { role: "row" }, h("td", { role: "presentation" }), ...names[1].map((name) => head("columnheader", name))));
    for (let row = 0; row < rows; row++) {
      const line = h("tr", { role: "row" }, ...(names[0] ? [head("rowheader", names[0][row])] : []));
      cells.push([]);
      for (let column = 0; column < columns; column++) {
        const cell = h("td", { role: "gridcell", tabIndex: row || column ? -1 : 0 });
        if (act) cell.onclick = () => act(row, column);
        if (look) cell.onpointerenter = () => look(row, column);
        cell.onfocus = () => {
          for (const other of cells.flat()) other.tabIndex = other === cell ? 0 : -1;
          if (look) look(row, column);
        };
        cell.onkeydown = (event) => {
          const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
          if (step) cells[row + step[0]]?.[column + step[1]]?.focus();
          else if (act && (event.key === " " || event.key === "Enter")) act(row, column);
          else return;
          event.preventDefault();
        };
        cells[row].push(cell);
        line.append(cell);
      }
      table.append(line);
    }
    table.cell = (row, column) => cells[row][column];
    table.redraw = () => cells.forEach((line, row) => line.forEach((cell, column) => draw(cell, row, column)));
    table.redraw();
    return table;
  }

  const labelled = (text, control) => h("label", { className: "lab-field" }, text, control);

  function slider(text, min, max, step, value, change) {
    const shown = h("output", {}, String(value));
    const input = h("input", { type: "range", min, max, step, value });
    input.oninput = () => { shown.value = input.value; change(Number(input.value)); };
    return labelled(text + " ", h("span", {}, input, shown));
  }

  function choice(text, names, value, change) {
    const options = names.map((name) => h("option", { value: name, selected: name === value }, name));
    const select = h("select", {}, ...options);
    select.onchange = () => change(select.value);
    return labelled(text + " ", select);
  }

  const button = (text, act) => h("button", { type: "button", className: "lab-button", onclick: act }, text);
  const row = (...children) => h("div", { className: "lab-row" }, ...children);
  const panel = (title, ...children) => h("div", { className: "lab-panel" }, h("p", { className: "lab-title" }, title), ...children);

  /* The line that says the result. A screen reader reads it out when it changes. */
  const announcer = () => h("p", { className: "lab-says", role: "status" });

  /* Blue below zero, paper at zero, red above, as in the figures of the book; never so strong that the number in it is hard to read. */
  function tint(cell, value, largest) {
    const share = Math.min(Math.abs(value) / (largest || 1), 1);
    cell.style.background = `color-mix(in srgb, var(--lab-${value < 0 ? "below" : "above"}) ${Math.round(60 * share)}%, var(--book-paper))`;
  }

  /* Ink of `share` 0 to 1 on the page's paper. */
  function ink(cell, share) {
    cell.style.background = `color-mix(in srgb, var(--book-ink) ${Math.round(100 * share)}%, var(--book-paper))`;
    cell.style.color = share > 0.5 ? "var(--book-paper)" : "var(--book-ink)";
  }

  /* A small picture: numbers from 0 to 1, row by row, in the page's ink. */
  let inkColour = null;
  const repaints = [];
  function paint(canvas, values, width, height) {
    inkColour ??= getComputedStyle(canvas).color.match(/\d+/g).map(Number);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d"), image = context.createImageData(width, height), [red, green, blue] = inkColour;
    for (let k = 0; k < width * height; k++) {
      image.data[4 * k] = red;
      image.data[4 * k + 1] = green;
      image.data[4 * k + 2] = blue;
      image.data[4 * k + 3] = 255 * values[k];
    }
    context.putImageData(image, 0, 0);
  }

  /* What has been painted must be painted again when the reader changes between light and dark. */
  new MutationObserver(() => {
    inkColour = null;
    repaints.forEach((repaint) => repaint());
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  /* Random numbers from 0 to 1 that are the same on each visit (mulberry32). */
  function seeded(seed) {
    return () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /* Small pictures of 10 x 10 that several labs use; # is ink. */
  const drawings = Object.fromEntries(Object.entries({
    one: "..........|.....#....|....##....|...#.#....|.....#....|.....#....|.....#....|.....#....|...#####..|..........",
    four: "..........|......#...|.....##...|....#.#...|...#..#...|..#...#...|..#######.|......#...|......#...|..........",
    seven: "..........|..######..|.......#..|......#...|......#...|.....#....|.....#....|....#.....|....#.....|..........",
    zero: "..........|....##....|...#..#...|..#....#..|..#....#..|..#....#..|..#....#..|...#..#...|....##....|..........",
  }).map(([name, text]) => [name, text.split("|").map((line) => [...line].map((mark) => (mark === "#" ? 1 : 0)))]));

  /* One of them as the networks see pictures: 28 x 28, each pixel doubled, moved by `down` and `right` of the small pixels. */
  const enlarge = (drawing, down = 0, right = 0) => Float64Array.from({ length: 784 }, (_, k) => drawing[Math.floor((Math.floor(k / 28) - 4) / 2) - down]?.[Math.floor((k % 28 - 4) / 2) - right] ?? 0);

  /* Fetch further scripts of this folder, one after the other; those that are here already are not fetched again. */
  const fetched = {};
  const fetchScript = (file) => (fetched[file] ??= new Promise((done, fail) => {
    document.head.append(h("script", { src: folder + file, onload: done, onerror() {
      delete fetched[file];
      fail(new URL(folder + file).pathname.split("/").slice(-2).join("/"));
    } }));
  }));
  const need = (...files) => files.reduce((before, file) => before.then(() => fetchScript(file)), Promise.resolve());

  /* A file that is missing is said in the place of the lab; any other failure is a fault of ours, and the console says it. */
  function sorry(lab, failure) {
    if (typeof failure !== "string") throw failure;
    lab.append(h("p", { className: "lab-says", role: "alert" }, `This figure cannot start, because the file ${failure} did not load. Reload the page; if you unzipped the book, unzip all of it.`));
  }

  window.Labs = {
    h, need, grid, slider, choice, button, row, panel, announcer, tint, ink, paint, seeded, drawings, enlarge,
    onTheme: (repaint) => repaints.push(repaint),
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
    define(name, build) {
      customElements.define(`lab-${name}`, class extends HTMLElement {
        connectedCallback() {
          if (!this.built) this.built = Promise.resolve(build(this)).catch((failure) => sorry(this, failure));
        }
      });
    },
  };

  /* A lab and its network are fetched when the reader comes within a screen of them, so that a page opens fast. */
  const near = new IntersectionObserver((sightings) => {
    for (const { isIntersecting, target } of sightings) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      fetchScript(`${target.localName.slice("lab-".length)}.js`).catch((failure) => sorry(target, failure));
    }
  }, { rootMargin: "100%" });

  addEventListener("load", () => {
    for (const link of document.querySelectorAll('.bd-article a[href*="#lab-"]')) {
      const name = link.hash.slice("#lab-".length);
      const lab = h(`lab-${name}`, { id: `lab-${name}`, className: "lab", role: "group", "aria-label": link.textContent });
      lab.append(h("p", { className: "lab-heading" }, link.textContent));
      link.closest("p").replaceWith(lab);
      near.observe(lab);
      if (location.hash === link.hash) lab.scrollIntoView();
    }
  });
})();
