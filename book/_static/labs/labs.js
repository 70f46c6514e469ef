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
     `look` when a cell is pointed at or reached by the keyboard. Returns the table, with redraw() and cell(row, column). */
  function grid(label, rows, columns, { draw, act, look }) {
    const table = h("table", { className: "lab-grid", role: "grid", "aria-label": label });
    const cells = [];
    for (let row = 0; row < rows; row++) {
      const line = h("tr", { role: "row" });
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

  /* Curves in one box: [{ name, values, dash }], drawn from left to right between `low` and `high`. */
  function plot(label, curves, low, high, ylabel) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const [height, left] = [170, 46];
    const width = Math.min(560, document.querySelector(".lab").clientWidth - 36);   // text keeps its size on a phone
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("class", "lab-plot");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    const add = (tag, settings, text = "") => {
      const element = document.createElementNS(svg.namespaceURI, tag);
      for (const [name, value] of Object.entries(settings)) element.setAttribute(name, value);
      element.textContent = text;
      svg.append(element);
    };
    const y = (value) => 12 + (height - 34) * (1 - (value - low) / (high - low || 1));
    for (const value of [low, (low + high) / 2, high]) {
      add("line", { x1: left, x2: width - 90, y1: y(value), y2: y(value), class: "lab-rule" });
      add("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, Number(value.toPrecision(3)));
    }
    add("text", { x: left, y: height - 4 }, ylabel);
    curves.forEach(({ name, values }, index) => {
      const x = (i) => left + (width - 90 - left) * (values.length > 1 ? i / (values.length - 1) : 0);
      const points = values.map((value, i) => `${x(i).toFixed(1)},${y(Math.min(Math.max(value, low), high)).toFixed(1)}`);
      add("polyline", { points: points.join(" "), class: `lab-curve lab-curve-${index}` });
      const last = values.length ? y(Math.min(Math.max(values.at(-1), low), high)) : 0;
      add("text", { x: width - 84, y: last + 4 + 13 * (index - (curves.length - 1) / 2) * (curves.length > 1 ? 0.6 : 0), class: `lab-name-${index}` }, name);
    });
    return svg;
  }

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

  /* Fetch further scripts of this folder, one after the other; those that are here already are not fetched again. */
  const fetched = {};
  const need = (...files) => files.reduce((before, file) => before.then(() => (fetched[file] ??= new Promise((done) => {
    document.head.append(h("script", { src: folder + file, onload: done }));
  }))), Promise.resolve());

  window.Labs = {
    h, need, grid, slider, choice, button, row, panel, announcer, tint, ink, plot, seeded, drawings,
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
    define(name, build) {
      customElements.define(`lab-${name}`, class extends HTMLElement {
        connectedCallback() {
          if (!this.built) this.built = build(this) || true;
        }
      });
    },
  };

  addEventListener("load", () => {
    for (const link of document.querySelectorAll('.bd-article a[href*="#lab-"]')) {
      const name = link.hash.slice("#lab-".length);
      const lab = h(`lab-${name}`, { id: `lab-${name}`, className: "lab", role: "group", "aria-label": link.textContent });
      lab.append(h("p", { className: "lab-heading" }, link.textContent));
      link.closest("p").replaceWith(lab);
      document.head.append(h("script", { src: `${folder}${name}.js` }));
      if (location.hash === link.hash) lab.scrollIntoView();
    }
  });
})();
