/* Chapter 02: edit the picture and the kernel, choose stride and padding, and see each number of the feature map come about. */
(() => {
  "use strict";
  const { h, grid, choice, row, panel, announcer, tint, ink, drawings } = window.Labs;
  const kernels = {
    "vertical edges": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal edges": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    blur: [[1, 1, 1], [1, 1, 1], [1, 1, 1]].map((line) => line.map((x) => x / 9)),
    sharpen: [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "as it is": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "rising stroke, 5 x 5": [[-1, -1, -1, 0, 1], [-1, -1, 0, 1, 0], [-1, 0, 1, 0, -1], [0, 1, 0, -1, -1], [1, 0, -1, -1, -1]],
  };
  const short = (x) => String(Math.round(100 * x) / 100).replace("-", "−");

  /* How many zeros stand before and after n pixels, as TensorFlow shares them (chapter 02). */
  function margins(n, k, stride, padding) {
    if (padding === "valid") return [0, 0];
    const missing = Math.max((Math.ceil(n / stride) - 1) * stride + k - n, 0);
    return [Math.floor(missing / 2), missing - Math.floor(missing / 2)];
  }

  function convolve(image, kernel, stride, padding) {
    const [n, k] = [image.length, kernel.length];
    const [before, after] = margins(n, k, stride, padding);
    const size = Math.floor((n + before + after - k) / stride) + 1;
    const at = (i, j) => image[i - before]?.[j - before] ?? 0;
    const sum = (i, j) => kernel.flatMap((line, u) => line.map((w, v) => w * at(stride * i + u, stride * j + v))).reduce((a, b) => a + b);
    const map = Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => sum(i, j)));
    return { map, before, after, at };
  }

  window.Labs.convolve = convolve;
  window.Labs.define("convolution", (lab) => {
    let image = drawings.seven.map((line) => line.map((ink) => 9 * ink));
    let [kernel, stride, padding, place] = [kernels["vertical edges"].map((line) => [...line]), 1, "valid", [2, 4]];
    const says = announcer();
    const stage = row();

    function build() {
      const { map, before, after, at } = convolve(image, kernel, stride, padding);
      const [size, k] = [image.length + before + after, kernel.length];
      place = place.map((p) => Math.min(p, map.length - 1));
      const inWindow = (i, j) => i >= stride * place[0] && i < stride * place[0] + k && j >= stride * place[1] && j < stride * place[1] + k;
      const largest = Math.max(...map.flat().map(Math.abs), 1e-9);

      const picture = grid("picture, 0 is paper and 9 is ink", size, size, {
        draw(cell, i, j) {
          const outside = image[i - before]?.[j - before] === undefined;
          cell.textContent = outside ? "" : at(i, j);
          ink(cell, at(i, j) / 9);
          cell.className = `${outside ? "lab-outside" : "lab-edit"} ${inWindow(i, j) ? "lab-window" : ""}`;
          cell.setAttribute("aria-label", outside ? "padding, 0" : `row ${i - before}, column ${j - before}: ${at(i, j)}`);
        },
        act(i, j) {
          if (image[i - before]?.[j - before] === undefined) return;
          image[i - before][j - before] = at(i, j) ? 0 : 9;
          build();
          stage.querySelector(".lab-grid").cell(i, j).focus();
        },
      });
      const weights = h("div", { className: "lab-weights", style: `--size: ${k}` }, ...kernel.flatMap((line, u) => line.map((w, v) => {
        const input = h("input", { type: "number", step: "any", value: Math.round(1000 * w) / 1000, "aria-label": `weight ${u}, ${v}` });
        tint(input, w, Math.max(...kernel.flat().map(Math.abs)));
        input.onchange = () => {
          kernel[u][v] = Number(input.value) || 0;
          build();
          stage.querySelectorAll(".lab-weights input")[u * k + v].focus();
        };
        return input;
      })));
      const result = grid("feature map", map.length, map.length, {
        draw(cell, i, j) {
          cell.textContent = short(Math.round(10 * map[i][j]) / 10);
          tint(cell, map[i][j], largest);
          cell.classList.toggle("lab-window", i === place[0] && j === place[1]);
          cell.setAttribute("aria-label", `row ${i}, column ${j}: ${short(map[i][j])}`);
        },
        look(i, j) {
          place = [i, j];
          picture.redraw();
          result.redraw();
          say();
        },
      });

      function say() {
        const terms = kernel.flatMap((line, u) => line.map((w, v) => [w, at(stride * place[0] + u, stride * place[1] + v)])).filter(([w, x]) => w && x);
        const sum = terms.length ? terms.map(([w, x]) => `${short(w)} × ${x}`).join(" + ") : "nothing but zeros";
        says.textContent = `Map ${map.length} × ${map.length}. Row ${place[0]}, column ${place[1]}: ${sum} = ${short(map[place[0]][place[1]])}`;
      }

      stage.replaceChildren(panel("picture (click a pixel)", picture), panel("kernel (type a weight)", weights), panel("feature map (point at a number)", result));
      say();
    }

    lab.append(
      row(
        choice("kernel", Object.keys(kernels), "vertical edges", (name) => { kernel = kernels[name].map((line) => [...line]); build(); }),
        choice("picture", Object.keys(drawings), "seven", (name) => { image = drawings[name].map((line) => line.map((ink) => 9 * ink)); build(); }),
        choice("stride", ["1", "2", "3"], "1", (value) => { stride = Number(value); build(); }),
        choice("padding", ["valid", "same"], "valid", (value) => { padding = value; build(); }),
      ),
      stage,
      says,
    );
    build();
  });
})();
