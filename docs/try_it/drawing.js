"use strict";
// A drawing as strokes, and the 28×28 picture that the network gets: white ink with soft
// edges on black, as helpers/widgets.py draws it.

const drawing = (() => {
  const SIZE = 28;
  const THICKNESS = 2.5; // pixels of the picture
  const FINER = 16; // strokes are drawn this many times finer, then averaged down
  const FINE = SIZE * FINER;

  // strokes: a list of lists of [x, y] in fractions of the pad. Returns Float32Array.
  function rasterise(strokes) {
    const ink = new Uint8Array(FINE * FINE);
    for (const stroke of strokes) {
      const corners = stroke.map((point) => point.map((share) => share * FINE - 0.5));
      corners.forEach((corner, place) => drawLine(ink, corners[Math.max(0, place - 1)], corner));
    }
    const picture = new Float32Array(SIZE * SIZE);
    ink.forEach((value, place) => {
      const row = Math.floor(place / FINE / FINER);
      const column = Math.floor((place % FINE) / FINER);
      picture[row * SIZE + column] += value;
    });
    return picture.map((count) => count / FINER ** 2);
  }

  // Ink every point that is no further from the line than half its thickness.
  function drawLine(ink, [startX, startY], [endX, endY]) {
    const reach = (THICKNESS * FINER) / 2;
    const [alongX, alongY] = [endX - startX, endY - startY];
    const squared = alongX ** 2 + alongY ** 2;
    const clip = (value) => Math.min(FINE - 1, Math.max(0, value));
    const first = { x: clip(Math.ceil(Math.min(startX, endX) - reach)),
                    y: clip(Math.ceil(Math.min(startY, endY) - reach)) };
    const last = { x: clip(Math.floor(Math.max(startX, endX) + reach)),
                   y: clip(Math.floor(Math.max(startY, endY) + reach)) };
    for (let y = first.y; y <= last.y; y++) {
      for (let x = first.x; x <= last.x; x++) {
        const share = squared
          ? ((x - startX) * alongX + (y - startY) * alongY) / squared : 0;
        const nearest = Math.min(1, Math.max(0, share));
        const [aside, above] = [x - startX - nearest * alongX, y - startY - nearest * alongY];
        if (aside ** 2 + above ** 2 <= reach ** 2) ink[y * FINE + x] = 1;
      }
    }
  }

  // Move strokes by whole pixels of the picture.
  function move(strokes, right, down) {
    return strokes.map((stroke) =>
      stroke.map(([x, y]) => [x + right / SIZE, y + down / SIZE]),
    );
  }

  return { SIZE, rasterise, move };
})();
