"use strict";
// Pictures and heat on canvases. The colours are those of helpers/figures.py: orange
// speaks for, violet against, and equal steps look equal, to colour-blind eyes too.

const painting = (() => {
  const SIGNED = [
    "2d004b", "532687", "8073ac", "b1aad1", "d8daeb", "f7f7f6", "fee0b6", "fcb761",
    "e08214", "b25706", "7f3b08",
  ].map((code) => [0, 2, 4].map((start) => parseInt(code.slice(start, start + 2), 16)));

  // values: one number a pixel, or three (red, green, blue), in [0, 1].
  function drawPicture(canvas, values) {
    const channels = values.length / (canvas.width * canvas.height);
    paint(canvas, (place) =>
      channels === 1 ? Array(3).fill(255 * values[place])
        : [0, 1, 2].map((channel) => 255 * values[3 * place + channel]),
    );
  }

  // Heat alone; scale is the heat with the full colour.
  function drawHeat(canvas, heat, scale) {
    paint(canvas, (place) => colour(heat[place] / scale));
  }

  // Heat over a picture in grey: the more heat, the more it covers.
  function drawHeatOver(canvas, heat, scale, values) {
    paint(canvas, (place) => {
      const grey = 255 * (0.299 * values[3 * place] + 0.587 * values[3 * place + 1]
        + 0.114 * values[3 * place + 2]);
      const strength = Math.min(1, Math.abs(heat[place]) / scale);
      const cover = 0.85 * Math.min(1, 1.6 * strength);
      return colour(heat[place] / scale).map(
        (value) => cover * value + (1 - cover) * (90 + 0.6 * grey),
      );
    });
  }

  // Outline what is inside as a path of an SVG whose unit is one pixel.
  function outline(path, size, isInside) {
    const inside = (row, column) =>
      row >= 0 && column >= 0 && row < size && column < size && isInside(row * size + column);
    let steps = "";
    for (let row = 0; row <= size; row++) {
      for (let column = 0; column <= size; column++) {
        const here = inside(row, column);
        if (here !== inside(row - 1, column)) steps += `M${column} ${row}h1`;
        if (here !== inside(row, column - 1)) steps += `M${column} ${row}v1`;
      }
    }
    path.setAttribute("d", steps);
  }

  // From −1, violet, by 0, white, to 1, orange.
  function colour(value) {
    const place = (Math.min(1, Math.max(-1, value)) + 1) / 2 * (SIGNED.length - 1);
    const below = Math.min(SIGNED.length - 2, Math.floor(place));
    return SIGNED[below].map(
      (start, channel) => start + (place - below) * (SIGNED[below + 1][channel] - start),
    );
  }

  function paint(canvas, choose) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    for (let place = 0; place < canvas.width * canvas.height; place++) {
      image.data.set([...choose(place), 255], 4 * place);
    }
    context.putImageData(image, 0, 0);
  }

  return { drawPicture, drawHeat, drawHeatOver, outline };
})();
