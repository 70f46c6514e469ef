/* A drawing becomes what the networks have learned from, as `hwr_utils.data.fit_box` and `centre_by_mass` do it. Pictures are
   { height, width, values } with values from 0, paper, to 255, ink. */
(() => {
  "use strict";
  const roundEven = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));      // as Python rounds
  const picture = (height, width) => ({ height, width, values: new Uint8ClampedArray(height * width) });

  /* The rectangle that holds the ink, or null on a blank page. Ink reaches a tenth of the brightest pixel. */
  function box({ height, width, values }) {
    let most = 10, top = height, bottom = -1, left = width, right = -1;
    for (let k = 0; k < values.length; k++) if (values[k] > most) most = values[k];
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) if (values[i * width + j] >= most / 10) {
      if (i < top) top = i;
      if (j < left) left = j;
      if (j > right) right = j;
      bottom = i;
    }
    return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
  }

  function cut({ width, values }, { top, left, height, width: w }) {
    const out = picture(height, w);
    for (let i = 0; i < height; i++) for (let j = 0; j < w; j++) out.values[i * w + j] = values[(top + i) * width + left + j];
    return out;
  }

  const cubic = (x) => {
    x = Math.abs(x);
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  };

  /* How each of `to` new pixels is mixed from the old ones along one axis: bicubic, widened when it shrinks, as Pillow does. */
  function mixing(from, to) {
    const scale = from / to, wide = Math.max(scale, 1), reach = 2 * wide;
    return Array.from({ length: to }, (_, k) => {
      const centre = (k + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - reach + 0.5)), last = Math.min(from, Math.trunc(centre + reach + 0.5));
      const weights = Array.from({ length: last - first }, (_, i) => cubic((first + i - centre + 0.5) / wide));
      const sum = weights.reduce((a, b) => a + b);
      return { first, weights: weights.map((w) => w / sum) };
    });
  }

  function narrow(image, width) {
    const out = picture(image.height, width);
    mixing(image.width, width).forEach(({ first, weights }, j) => {
      for (let i = 0; i < image.height; i++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * image.values[i * image.width + first + k];
        out.values[i * width + j] = Math.round(sum);
      }
    });
    return out;
  }

  function turned({ height, width, values }) {
    const out = picture(width, height);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) out.values[j * height + i] = values[i * width + j];
    return out;
  }

  /* Each axis in turn, rounded between: width first, but for pictures more than twice as high as wide height first, as Pillow 13 does. */
  function resize(image, height, width) {
    const shorten = (picture) => turned(narrow(turned(picture), height));
    return image.height > 2 * image.width ? narrow(shorten(image), width) : shorten(narrow(image, width));
  }

  /* Make the longer side `size` pixels. */
  function fit(image, size) {
    const scale = size / Math.max(image.height, image.width);
    return resize(image, Math.max(1, roundEven(image.height * scale)), Math.max(1, roundEven(image.width * scale)));
  }

  /* Cut out the ink, and make its longer side `size` pixels. */
  const fitBox = (image, size = 20) => fit(cut(image, box(image)), size);

  /* Put a glyph on a square page, with its corner at (top, left) but never over the edge. */
  function place(glyph, top, left, size = 28) {
    const page = picture(size, size), at = (x, length) => Math.min(Math.max(x, 0), size - length);
    for (let i = 0; i < glyph.height; i++) for (let j = 0; j < glyph.width; j++) {
      page.values[(at(top, glyph.height) + i) * size + at(left, glyph.width) + j] = glyph.values[i * glyph.width + j];
    }
    return page;
  }

  /* The same, so that the ink's centre of mass falls on pixel 14. */
  function centreByMass(glyph, size = 28) {
    let [mass, down, right] = [0, 0, 0];
    glyph.values.forEach((x, k) => {
      mass += x;
      down += x * Math.floor(k / glyph.width);
      right += x * (k % glyph.width);
    });
    return place(glyph, roundEven(size / 2 - down / mass), roundEven(size / 2 - right / mass), size);
  }

  window.Ink = { box, cut, fit, fitBox, place, centreByMass };
})();
