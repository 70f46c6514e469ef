/* Curves for the labs, in one box. */
(() => {
  "use strict";

  /* [{ name, values, dash }], drawn from left to right between `low` and `high`. */
  window.Labs.plot = function plot(label, curves, low, high, ylabel) {
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
    const ends = curves.map(({ values }) => y(Math.min(Math.max(values.at(-1) ?? low, low), high)) + 4);
    if (ends.length === 2 && Math.abs(ends[0] - ends[1]) < 14) {                    // two names keep apart
      const [upper, middle] = [ends[0] <= ends[1] ? 0 : 1, (ends[0] + ends[1]) / 2];
      [ends[upper], ends[1 - upper]] = [middle - 7, middle + 7];
    }
    curves.forEach(({ name, values }, index) => {
      const x = (i) => left + (width - 90 - left) * (values.length > 1 ? i / (values.length - 1) : 0);
      const points = values.map((value, i) => `${x(i).toFixed(1)},${y(Math.min(Math.max(value, low), high)).toFixed(1)}`);
      add("polyline", { points: points.join(" "), class: `lab-curve lab-curve-${index}` });
      add("text", { x: width - 84, y: ends[index], class: `lab-name-${index}` }, name);
    });
    return svg;
  };
})();
