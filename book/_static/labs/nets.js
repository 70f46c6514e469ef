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

  /* "same" convolution without bias. Maps are (height, width, channels), the kernel (rows, columns, channels, filters), both odd. */
  function conv2d(maps, height, width, { shape: [rows, columns, channels, filters], values }) {
    const out = new Float64Array(height * width * filters), up = rows >> 1, back = columns >> 1;
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) {
      const left = Math.max(j - back, 0), right = Math.min(j + back, width - 1);
      for (let row = Math.max(i - up, 0); row <= Math.min(i + up, height - 1); row++) {
        take(maps, (row * width + left) * channels, (right - left + 1) * channels, ((row - i + up) * columns + left - j + back) * channels, filters);
      }
      sum(out, (i * width + j) * filters, filters, values);
    }
    return out;
  }

  /* The largest of each block of `down` x `across`. */
  function maxPool(maps, height, width, channels, down, across) {
    const out = new Float64Array(height / down * width / across * channels).fill(-Infinity);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) {
      const from = (i * width + j) * channels, to = (Math.floor(i / down) * width / across + Math.floor(j / across)) * channels;
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
      maps = conv2d(maps, size, size, weights);
      if (index < 2) {
        maps = maxPool(maps, size, size, channels, 2, 2);
        size /= 2;
      }
      maps = normalise(maps, scale, shift);
      return { maps, size, channels };
    });
    return { logits: dense(maps, kernel, bias), seen };
  }

  /* One row of pixels a timestep; gates in Keras' order i, f, c, o. Yields the ten logits that the head gives after each row. `seen`
     receives candidate, input, forget and output gate of unit `watched` at each timestep. */
  function* lstmRows({ kernel, recurrent, bias, head, headBias }, image, watched = -1, seen = []) {
    const units = recurrent.shape[0];
    const hidden = new Float64Array(units), cell = new Float64Array(units);
    for (let t = 0; t < 28; t++) {
      const z = dense(hidden, recurrent, dense(image.subarray(28 * t, 28 * t + 28), kernel, bias));
      for (let k = 0; k < units; k++) {
        const input = sigmoid(z[k]), forget = sigmoid(z[units + k]), candidate = Math.tanh(z[2 * units + k]), output = sigmoid(z[3 * units + k]);
        cell[k] = forget * cell[k] + input * candidate;
        hidden[k] = output * Math.tanh(cell[k]);
        if (k === watched) seen.push([candidate, input, forget, output]);
      }
      yield dense(hidden, head, headBias);
    }
  }

  const lstm = (...all) => [...lstmRows(...all)];

  /* The reader of chapter 18's page: four rounds of convolution and pooling make one line of features of every four columns, two
     convolutions along the columns look around, a dense layer scores. `strip` is 32 x width. Returns 11 logits a column. */
  function readStrip({ rounds, kernel, bias }, strip, width) {
    let [maps, height] = [strip, 32];
    rounds.slice(0, 4).forEach(({ kernel: weights, scale, shift }, index) => {
      const across = index < 2 ? 2 : 1;
      maps = maxPool(conv2d(maps, height, width, weights), height, width, scale.length, 2, across);
      [height, width] = [height / 2, width / across];
      maps = normalise(maps, scale, shift);
    });
    const channels = maps.length / width / height, features = new Float64Array(maps.length);
    for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) for (let c = 0; c < channels; c++) features[(j * height + i) * channels + c] = maps[(i * width + j) * channels + c];
    maps = features;
    for (const { kernel: { shape, values }, scale, shift } of rounds.slice(4)) maps = normalise(conv2d(maps, 1, width, { shape: [1, ...shape], values }), scale, shift);
    return Array.from({ length: width }, (_, j) => dense(maps.subarray(j * maps.length / width, (j + 1) * maps.length / width), kernel, bias));
  }

  window.Nets = { unpack, softmax, leanCnn, lstm, lstmRows, readStrip };
})();
