"use strict";
// Part 1: draw a one or a seven.

const oneOrSeven = (() => {
  const { SIZE } = drawing;
  const CLASSES = ["1", "7", "neither"];
  const SQUARE = { patch: 5, stride: 1 }; // as in chapter 1
  const LEAST_SCALE = 0.5; // of heat, so that almost nothing does not glow
  const ONE = [[[0.5, 0.2], [0.5, 0.8]]];
  const READY = {
    dash: [[[0.3, 0.29], [0.7, 0.29]]],
    one: ONE,
    moved: drawing.move(ONE, 6, 0),
    low: [[[0.3, 0.78], [0.7, 0.78]]],
    seven: [
      [[0.30, 0.26], [0.44, 0.24], [0.58, 0.24], [0.69, 0.26]],
      [[0.69, 0.26], [0.62, 0.42], [0.54, 0.58], [0.48, 0.72], [0.45, 0.82]],
    ],
  };

  // What is shown, for all who want to check it; map is null until it is ready.
  const state = { picture: null, logits: null, probabilities: null, winner: null, map: null };

  function start(rebuilt) {
    const pad = page.find("pad");
    const speak = page.prepareSpeaker(page.find("digit-status"));
    let strokes = READY.dash;
    let pen = null; // the pointer that draws
    const refresh = page.prepareRefresh(state, answer);

    async function answer(isWanted) {
      const network = rebuilt[page.readChoice("digit-network")];
      const picture = drawing.rasterise(strokes);
      painting.drawPicture(pad, picture);
      const logits = await networks.readLogits(network, picture);
      if (!isWanted()) return;
      const probabilities = networks.softmax(logits);
      const winner = probabilities.indexOf(Math.max(...probabilities));
      Object.assign(state, { picture, logits, probabilities, winner });
      showAnswer(probabilities, winner);
      const report = (share) => page.showProgress("digit-progress", share);
      const map = await occlusion.explain(
        network, picture, winner, { ...SQUARE, isWanted, report },
      );
      if (!map) return;
      showMap(map, picture, winner);
      state.map = map;
    }

    function showAnswer(probabilities, winner) {
      page.drawBars(
        page.find("digit-bars"),
        Array.from(probabilities, (share, place) => [CLASSES[place], share]),
      );
      const said = winner === 2 ? "neither a 1 nor a 7" : `a ${CLASSES[winner]}`;
      page.find("digit-answer").textContent = said;
      const sure = page.formatShare(probabilities[winner]);
      page.find("digit-sure").textContent = sure;
      page.find("digit-map-title").textContent = `What speaks for “${CLASSES[winner]}”`;
      page.find("digit-map-figure").classList.add("old");
      speak(`The network takes this for ${said}, ${sure} sure.`);
    }

    function showMap(map, picture, winner) {
      const strongest = Math.max(...map);
      const scale = Math.max(LEAST_SCALE, ...map.map(Math.abs));
      painting.drawHeat(page.find("digit-map"), map, scale);
      painting.outline(page.find("digit-outline"), SIZE, (place) => picture[place] > 0.5);
      page.find("digit-low").textContent = page.formatHeat(-scale);
      page.find("digit-high").textContent = page.formatHeat(scale);
      page.showProgress("digit-progress", 1);
      page.find("digit-map-figure").classList.remove("old");
      page.find("digit-map").setAttribute("aria-label",
        strongest > 1e-4
          ? `Map of the drawing: the score for ${CLASSES[winner]} falls most, by `
            + `${strongest.toFixed(1)}, when a square in the ${page.namePlace(map, SIZE)} is hidden.`
          : `Map of the drawing: no square speaks for ${CLASSES[winner]}.`);
    }

    function locate(event) {
      const box = pad.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    }

    function show(others) {
      strokes = others;
      refresh();
    }

    pad.addEventListener("pointerdown", (event) => {
      if (pen !== null || event.button > 0) return; // one finger, one button
      pen = event.pointerId;
      pad.setPointerCapture(pen);
      show([...strokes, [locate(event)]]);
    });
    pad.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pen) return;
      const passed = event.getCoalescedEvents?.() ?? [];
      const points = (passed.length ? passed : [event]).map(locate);
      show([...strokes.slice(0, -1), [...strokes.at(-1), ...points]]);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      pad.addEventListener(kind, (event) => { if (event.pointerId === pen) pen = null; });
    }
    const moves = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };
    pad.addEventListener("keydown", (event) => {
      const move = moves[event.key.replace("Arrow", "").toLowerCase()];
      if (!move || event.altKey || event.ctrlKey || event.metaKey) return; // the browser's
      event.preventDefault();
      show(drawing.move(strokes, ...move));
    });
    for (const button of document.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () =>
        show(drawing.move(strokes, ...moves[button.dataset.move])));
    }
    for (const button of document.querySelectorAll("[data-ready]")) {
      button.addEventListener("click", () => show(READY[button.dataset.ready] ?? []));
    }
    for (const choice of document.querySelectorAll("input[name=digit-network]")) {
      choice.addEventListener("change", refresh);
    }
    refresh();
  }

  return { start, state };
})();
