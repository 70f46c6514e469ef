/* The two networks of the book, in the page: the lean CNN of chapter 08 and the LSTM of chapter 17. The forward passes are written to be
   read; tests/test_labs.py compares them with Keras. An image is 784 numbers from 0 to 1, row by row. */
(() => {
  "use strict";

  /* Weights come as whole numbers from -127 to 127 in base64, with one scale per output (the last axis): tools/page_weights.py. */
  function decode({ shape, scales, bytes }) {
    const whole = Int8Array.from(atob(bytes), (mark) => mark.charCodeAt(0));
    return { shape, values: Float32Array.from(whole, (x, i) => x * scales[i % scales.length]) };
  }

  /* All parts of a packed network. */
  function unpack(packed) {
    const rounds = (part) => part.map((round) => ({ ...round, kernel: decode(round.kernel) }));
    const one = (part) => (part.bytes ? decode(part) : part[0]?.kernel ? rounds(part) : part);
    return Object.fromEntries(Object.entries(packed).map(([name, part]) => [name, one(part)]));
  }

  /* "same" convolution of 3 x 3 without bias. Maps are (height, width, channels), the kernel (3, 3, channels, filters). */
  function conv2d(maps, size, { shape: [, , channels, filters], values }) {
    const out = new Float32Array(size * size * filters);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) {
      const to = (i * size + j) * filters;
      for (let u = 0; u < 3; u++) for (let v = 0; v < 3; v++) {
        const [row, column] = [i + u - 1, j + v - 1];
        if (row < 0 || column < 0 || row >= size || column >= size) continue;
        for (let c = 0; c < channels; c++) {
          const x = maps[(row * size + column) * channels + c];
          if (!x) continue;                                                  // most of a digit is paper
          const from = ((3 * u + v) * channels + c) * filters;
          for (let f = 0; f < filters; f++) out[to + f] += x * values[from + f];
        }
      }
    }
    return out;
  }

  function maxPool(maps, size, channels) {
    const half = size / 2, out = new Float32Array(half * half * channels).fill(-Infinity);
    for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) for (let c = 0; c < channels; c++) {
      const to = ((i >> 1) * half + (j >> 1)) * channels + c;
      out[to] = Math.max(out[to], maps[(i * size + j) * channels + c]);
    }
    return out;
  }

  /* inputs (features) times kernel (features, units), plus bias (units). */
  function dense(inputs, { shape: [features, units], values }, bias) {
    const out = Float32Array.from(bias);
    for (let f = 0; f < features; f++) if (inputs[f]) for (let u = 0; u < units; u++) out[u] += inputs[f] * values[f * units + u];
    return out;
  }

  function softmax(logits) {
    const most = Math.max(...logits), exps = [...logits].map((x) => Math.exp(x - most));
    const sum = exps.reduce((a, b) => a + b);
    return exps.map((x) => x / sum);
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));

  /* Three rounds of convolution, pooling (not in the last), normalisation, ReLU; then a dense layer. Normalisation while predicting is a
     number to multiply by and one to add for each map. Returns the ten logits and the maps after each round. */
  function leanCnn({ rounds, kernel, bias }, image) {
    let [maps, size, seen] = [image, 28, []];
    rounds.forEach(({ kernel: weights, scale, shift }, index) => {
      const channels = scale.length;
      maps = conv2d(maps, size, weights);
      if (index < 2) {
        maps = maxPool(maps, size, channels);
        size /= 2;
      }
      maps = maps.map((x, i) => Math.max(0, x * scale[i % channels] + shift[i % channels]));
      seen.push({ maps, size, channels });
    });
    return { logits: dense(maps, kernel, bias), seen };
  }

  /* One row of pixels a timestep; gates in Keras' order i, f, c, o. Returns the ten logits that the head gives after each row. */
  function lstm({ kernel, recurrent, bias, head, headBias }, image) {
    const units = recurrent.shape[0], logits = [];
    let hidden = new Float32Array(units), cell = new Float32Array(units);
    for (let t = 0; t < 28; t++) {
      const z = dense(hidden, recurrent, dense(image.subarray(28 * t, 28 * t + 28), kernel, bias));
      cell = cell.map((c, k) => sigmoid(z[units + k]) * c + sigmoid(z[k]) * Math.tanh(z[2 * units + k]));
      hidden = cell.map((c, k) => sigmoid(z[3 * units + k]) * Math.tanh(c));
      logits.push(dense(hidden, head, headBias));
    }
    return logits;
  }

  window.Nets = { unpack, softmax, leanCnn, lstm };
})();
