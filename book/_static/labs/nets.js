/* The two networks of the book, in the page: the lean CNN of chapter 08 and the LSTM of chapter 17. The forward passes are written to be
   read; tests/test_labs.py compares them with Keras. An image is 784 numbers from 0 to 1, row by row. */
(() => {
  "use strict";

  /* Weights come as whole numbers from -127 to 127 in base64, with one scale per output (the last axis): tools/page_weights.py. */
  function decode({ shape, scales, bytes }) {
    const whole = Int8Array.from(atob(bytes), (mark) => mark.charCodeAt(0));
    return { shape, values: Float64Array.from(whole, (x, i) => x * scales[i % scales.length]) };
  }

  /* All parts of a packed network. */
  function unpack(packed) {
    const rounds = (part) => part.map((round) => ({ ...round, kernel: decode(round.kernel) }));
    const one = (part) => (part.bytes ? decode(part) : part[0]?.kernel ? rounds(part) : part);
    return Object.fromEntries(Object.entries(packed).map(([name, part]) => [name, one(part)]));
  }

  /* A weighted sum for each output: `take` notes the inputs that are not zero, since most of a digit is paper, and `sum` adds four of
     them at a time to the outputs. Kernels hold one line of `width` weights for each input. */
  const inputs = new Float64Array(1024), lines = new Int32Array(1024);
  let taken = 0;
  function take(values, from, count, line, width) {
    for (let c = 0; c < count; c++) if (values[from + c]) {
      inputs[taken] = values[from + c];
      lines[taken++] = (line + c) * width;
    }
  }
  function sum(out, to, width, weights) {
    while (taken % 4) inputs[taken] = lines[taken++] = 0;
    for (let k = 0; k < taken; k += 4) {
      const x0 = inputs[k], x1 = inputs[k + 1], x2 = inputs[k + 2], x3 = inputs[k + 3];
      const w0 = lines[k], w1 = lines[k + 1], w2 = lines[k + 2], w3 = lines[k + 3];
      for (let f = 0; f < width; f++) out[to + f] += x0 * weights[w0 + f] + x1 * weights[w1 + f] + x2 * weights[w2 + f] + x3 * weights[w3 + f];
    }
    taken = 0;
  }

  /* "same" convolution of 3 x 3 without bias. Maps are (height, width, channels), the kernel (3, 3, channels, filters). */
  function conv2d(maps, size, { shape: [, , channels, filters], values }) {
    const out = new Float64Array(size * size * filters);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) {
      const left = Math.max(j - 1, 0), right = Math.min(j + 1, size - 1);
      for (let row = Math.max(i - 1, 0); row <= Math.min(i + 1, size - 1); row++) {
        take(maps, (row * size + left) * channels, (right - left + 1) * channels, (3 * (row - i + 1) + left - j + 1) * channels, filters);
      }
      sum(out, (i * size + j) * filters, filters, values);
    }
    return out;
  }

  function maxPool(maps, size, channels) {
    const half = size / 2, out = new Float64Array(half * half * channels).fill(-Infinity);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) {
      const from = (i * size + j) * channels, to = ((i >> 1) * half + (j >> 1)) * channels;
      for (let c = 0; c < channels; c++) if (maps[from + c] > out[to + c]) out[to + c] = maps[from + c];
    }
    return out;
  }

  /* Normalisation while predicting is a number to multiply by and one to add for each map; then ReLU. */
  function normalise(maps, scale, shift) {
    const channels = scale.length;
    for (let i = 0; i < maps.length; i += channels) for (let c = 0; c < channels; c++) maps[i + c] = Math.max(0, maps[i + c] * scale[c] + shift[c]);
    return maps;
  }

  /* inputs (features) times kernel (features, units), plus bias (units). */
  function dense(features, { shape: [, units], values }, bias) {
    const out = new Float64Array(bias);
    for (let from = 0; from < features.length; from += 1000) {
      take(features, from, Math.min(1000, features.length - from), from, units);
      sum(out, 0, units, values);
    }
    return out;
  }

  function softmax(logits) {
    const most = Math.max(...logits), exps = [...logits].map((x) => Math.exp(x - most));
    const sum = exps.reduce((a, b) => a + b);
    return exps.map((x) => x / sum);
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  /* Three rounds of convolution, pooling (not in the last), normalisation, ReLU; then a dense layer. Returns the ten logits and the maps
     after each round. */
  function leanCnn({ rounds, kernel, bias }, image) {
    let [maps, size] = [image, 28];
    const seen = rounds.map(({ kernel: weights, scale, shift }, index) => {
      const channels = scale.length;
      maps = conv2d(maps, size, weights);
      if (index < 2) {
        maps = maxPool(maps, size, channels);
        size /= 2;
      }
      maps = normalise(maps, scale, shift);
      return { maps, size, channels };
    });
    return { logits: dense(maps, kernel, bias), seen };
  }

  /* One row of pixels a timestep; gates in Keras' order i, f, c, o. Returns the ten logits that the head gives after each row. */
  function lstm({ kernel, recurrent, bias, head, headBias }, image) {
    const units = recurrent.shape[0], logits = [];
    const hidden = new Float64Array(units), cell = new Float64Array(units);
    for (let t = 0; t < 28; t++) {
      const z = dense(hidden, recurrent, dense(image.subarray(28 * t, 28 * t + 28), kernel, bias));
      for (let k = 0; k < units; k++) {
        cell[k] = sigmoid(z[units + k]) * cell[k] + sigmoid(z[k]) * Math.tanh(z[2 * units + k]);
        hidden[k] = sigmoid(z[3 * units + k]) * Math.tanh(cell[k]);
      }
      logits.push(dense(hidden, head, headBias));
    }
    return logits;
  }

  window.Nets = { unpack, softmax, leanCnn, lstm };
})();
