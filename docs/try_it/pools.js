"use strict";
// Part 2: pools with and without a rail.

const pools = (() => {
  const SQUARE = { patch: 16, stride: 8 }; // as in chapter 6
  const SCALE = 1.5; // the heat with the full colour, the same for both networks
  const CONTOUR = 0.75;
  const WITH = 0;
  const WITHOUT = 1;

  // What is shown, for all who want to check it; map is null until it is ready.
  const state = { picture: null, logits: null, probabilities: null, map: null };

  function start(rebuilt) {
    const speak = page.prepareSpeaker(page.find("pool-status"));
    const slider = page.find("rail");
    const size = hotelData.size;
    const [bathroom, pool] = ["bathroom", "swimming pool"].map(
      (name) => hotelData.classes.indexOf(name),
    );
    const twins = hotelData.pairs.map((pair) =>
      pair.map((bytes) => Float32Array.from(arrays.readBytes(bytes), (level) => level / 255)),
    );
    const refresh = page.prepareRefresh(state, answer);

    async function answer(isWanted) {
      const network = rebuilt[page.readChoice("pool-network")];
      const pair = twins[Number(page.readChoice("pair"))];
      const share = Number(slider.value) / 100;
      const picture = pair[WITHOUT].map(
        (value, place) => value + share * (pair[WITH][place] - value),
      );
      painting.drawPicture(page.find("pool"), picture);
      page.find("rail-share").textContent = `${slider.value} %`;
      const logits = await networks.readLogits(network, picture);
      if (!isWanted()) return;
      const probabilities = networks.softmax(logits);
      Object.assign(state, { picture, logits, probabilities });
      showAnswer(probabilities, share);
      await pause(); // a slider on its way needs no map
      if (!isWanted()) return;
      const report = (share) => page.showProgress("pool-progress", share);
      const map = await occlusion.explain(
        network, picture, bathroom, { ...SQUARE, isWanted, report },
      );
      if (!map) return;
      showMap(map, picture);
      state.map = map;
    }

    function showAnswer(probabilities, share) {
      const winner = probabilities.indexOf(Math.max(...probabilities));
      const said = hotelData.classes[winner];
      const rest = 1 - probabilities[pool] - probabilities[bathroom];
      page.drawBars(page.find("pool-bars"), [
        ["swimming pool", probabilities[pool]],
        ["bathroom", probabilities[bathroom]],
        ["another room", Math.max(0, rest)],
      ]);
      page.find("pool-answer").textContent = `a ${said}`;
      const sure = page.formatShare(probabilities[winner]);
      page.find("pool-sure").textContent = sure;
      page.find("pool-map-figure").classList.add("old");
      speak(`With ${Math.round(100 * share)} % of the rail: a ${said}, ${sure} sure.`);
    }

    function showMap(map, picture) {
      painting.drawHeatOver(page.find("pool-map"), map, SCALE, picture);
      painting.outline(page.find("pool-outline"), size, (place) => map[place] >= CONTOUR);
      page.showProgress("pool-progress", 1);
      page.find("pool-map-figure").classList.remove("old");
      const strongest = Math.max(...map);
      page.find("pool-map-note").textContent = strongest > 1e-4
        ? `It falls most, by ${strongest.toFixed(1)}, in the ${page.namePlace(map, size)} `
          + "of the picture."
        : "No square lowers it.";
    }

    const names = ["pool-network", "pair"];
    for (const input of names.flatMap((name) => [...document.getElementsByName(name)])) {
      input.addEventListener("change", refresh);
    }
    document.querySelectorAll(".pairs canvas").forEach((canvas, place) => {
      painting.drawPicture(canvas, twins[place][WITH]);
    });
    slider.addEventListener("input", refresh);
    page.find("pool-count").textContent = hotelData.pools;
    for (const [name, counts] of Object.entries(hotelData.right)) {
      page.find(`${name}-right`).textContent =
        `${counts[WITHOUT]} without a rail and ${counts[WITH]} with one`;
    }
    refresh();
  }

  function pause() {
    return new Promise((resume) => { setTimeout(resume, 150); });
  }

  return { start, state };
})();
