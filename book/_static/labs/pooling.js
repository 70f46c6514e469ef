/* Chapter 04: move a digit, and watch what its feature map, its pooled map and a whole network make of the move. */
(() => {
  "use strict";
  const { need, grid, choice, button, row, panel, announcer, tint, ink, drawings, enlarge } = window.Labs;
  const N = 16;
  const filter = [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]];               // upright strokes

  const placed = (name, down, right) => Array.from({ length: N }, (_, i) => Array.from({ length: N }, (_, j) => drawings[name][i - 3 - down]?.[j - 3 - right] ?? 0));
  const answers = (image) => image.map((line, i) => line.map((_, j) => Math.max(0, filter.flatMap((weights, u) => weights.map((w, v) => w * (image[i + u - 1]?.[j + v - 1] ?? 0))).reduce((a, b) => a + b) / 6)));

  function pool(map, size, kind) {
    const count = Math.floor(map.length / size);
    const block = (i, j) => map.slice(i * size, (i + 1) * size).flatMap((line) => line.slice(j * size, (j + 1) * size));
    const one = (values) => (kind === "largest" ? Math.max(...values) : values.reduce((a, b) => a + b) / values.length);
    return Array.from({ length: count }, (_, i) => Array.from({ length: count }, (_, j) => one(block(i, j))));
  }

  /* Length of the difference over the length of the map before, as in the chapter. */
  function change(before, after) {
    const length = (values) => Math.hypot(...values);
    return length(after.flat().map((x, i) => x - before.flat()[i])) / length(before.flat());
  }

  Object.assign(window.Labs, { pool, change });
  window.Labs.define("pooling", (lab) => need("nets.js", "../models/lean_cnn.js").then(() => {
    const { unpack, softmax, leanCnn } = window.Nets, network = unpack(window.LeanCnn);
    let [name, down, right, size, kind] = ["four", 0, 0, 2, "largest"];
    const [says, stage] = [announcer(), row()];
    function view(label, map, paint) {
      const table = grid(label, map.length, map.length, {
        draw(cell, i, j) {
          paint(cell, map[i][j], 1);
          cell.setAttribute("aria-label", map[i][j].toFixed(2));
        },
      });
      table.classList.add("lab-map");
      table.style.setProperty("--cell", `${15 / map.length}rem`);
      return table;
    }

    function draw() {
      const [image, map, home] = [placed(name, down, right), answers(placed(name, down, right)), answers(placed(name, 0, 0))];
      const pooled = pool(map, size, kind);
      stage.replaceChildren(panel("picture", view("picture", image, ink)), panel("feature map, 16 × 16", view("feature map", map, tint)), panel(`pooled, ${pooled.length} × ${pooled.length}`, view("pooled map", pooled, tint)));
      const sure = softmax(leanCnn(network, enlarge(drawings[name], down, right)).logits), read = sure.indexOf(Math.max(...sure));
      const moved = down || right ? `Moved by ${Math.abs(down)} ${down < 0 ? "up" : "down"} and ${Math.abs(right)} ${right < 0 ? "to the left" : "to the right"}` : "Not moved";
      says.textContent = `${moved}. Change of the feature map ${change(home, map).toFixed(2)}, of the pooled map ${change(pool(home, size, kind), pooled).toFixed(2)}. The lean network of chapter 08, which pools twice, reads it as ${read} (${Math.round(100 * sure[read])} %).`;
    }

    const go = (text, i, j) => button(text, () => { down = Math.max(-3, Math.min(3, down + i)); right = Math.max(-3, Math.min(3, right + j)); draw(); });
    lab.append(
      row(
        choice("digit", Object.keys(drawings), name, (value) => { name = value; draw(); }),
        choice("keep the", ["largest", "mean"], kind, (value) => { kind = value; draw(); }),
        choice("of blocks", ["2 x 2", "4 x 4", "8 x 8", "16 x 16"], "2 x 2", (value) => { size = parseInt(value, 10); draw(); }),
      ),
      row(go("left", 0, -1), go("right", 0, 1), go("up", -1, 0), go("down", 1, 0), button("back to the middle", () => { down = right = 0; draw(); })),
      stage,
      says,
    );
    draw();
  }));
})();
