"use strict";
// Hide a square of the picture at a time and watch the score; the same computation as
// helpers/attribution/occlusion.py.

const occlusion = (() => {
  const BUDGET = 40; // milliseconds at a time, so that the page never stands still

  // Tell how much the class's logit falls when a black square over each pixel hides it:
  // the mean over all squares that cover the pixel.
  //
  // picture: Float32Array of the network's shape, 0 for black. Returns a Float32Array of
  // height × width, or null as soon as isWanted() says no; report(share) hears how far it is.
  async function explain(network, picture, classIndex, { patch, stride, isWanted, report }) {
    const [height, width, channels] = network.shape;
    const tops = placeSquares(height, patch, stride);
    const lefts = placeSquares(width, patch, stride);
    const squares = tops.flatMap((top) => lefts.map((left) => ({ top, left, fall: 0 })));
    // A black square over what is black changes nothing: its fall stays 0.
    const asked = squares.filter((square) => hide(picture, square).changed);
    const before = await networks.readLogits(network, picture);
    let size = 4;
    for (let first = 0; first < asked.length;) {
      const started = performance.now();
      const batch = asked.slice(first, first + size);
      const hidden = new Float32Array(batch.length * picture.length);
      batch.forEach((square, place) =>
        hidden.set(hide(picture, square).hidden, place * picture.length),
      );
      const logits = await networks.readLogits(network, hidden);
      batch.forEach((square, place) => {
        square.fall = before[classIndex] - logits[place * before.length + classIndex];
      });
      first += batch.length;
      const milliseconds = performance.now() - started;
      if (milliseconds < BUDGET / 2) size *= 2;
      if (milliseconds > BUDGET && size > 1) size /= 2;
      report(first / asked.length);
      await tf.nextFrame();
      if (!isWanted()) return null;
    }
    return spread(squares);

    function hide(values, { top, left }) {
      const hidden = values.slice();
      let changed = false;
      for (let row = top; row < top + patch; row++) {
        const start = (row * width + left) * channels;
        const end = start + patch * channels;
        changed ||= hidden.subarray(start, end).some((value) => value !== 0);
        hidden.fill(0, start, end);
      }
      return { hidden, changed };
    }

    function spread(falls) {
      const sums = new Float64Array(height * width);
      const times = new Float64Array(height * width);
      for (const { top, left, fall } of falls) {
        for (let row = top; row < top + patch; row++) {
          for (let column = left; column < left + patch; column++) {
            sums[row * width + column] += fall;
            times[row * width + column] += 1;
          }
        }
      }
      return Float32Array.from(sums, (sum, place) => sum / times[place]);
    }
  }

  // Where the squares start along one side; the last ends at the edge.
  function placeSquares(length, patch, stride) {
    const starts = [];
    for (let start = 0; start < length - patch; start += stride) starts.push(start);
    return [...starts, length - patch];
  }

  return { explain };
})();
