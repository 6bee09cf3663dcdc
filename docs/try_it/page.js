"use strict";
// What both parts of the page share: when to answer, bars, sentences, and what went wrong.

const page = (() => {
  const PAUSE = 400; // milliseconds without a change, before a screen reader is told

  const find = (name) => document.getElementById(name);

  // The value of the radio button that is chosen among those of one name.
  function readChoice(name) {
    return document.querySelector(`input[name=${name}]:checked`).value;
  }

  // Return a function that lets answer(isWanted) run once at the next frame, however many
  // strokes come before it. isWanted() says no as soon as something newer was asked, and
  // state.map is null until an answer has set it.
  function prepareRefresh(state, answer) {
    let [request, waiting] = [0, false];
    return () => {
      request += 1;
      state.map = null;
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        const mine = request;
        answer(() => mine === request).catch(complain);
      });
    };
  }

  function complain(error) {
    find("trouble").textContent =
      `This page cannot go on (${error.message}); try a newer browser, or run `
      + "chapters 1 and 6 instead.";
    find("trouble").hidden = false;
  }

  // How far a map is, in the element of that name.
  function showProgress(name, share) {
    find(name).textContent = share < 1 ? `hiding squares: ${Math.round(100 * share)} %` : "";
  }

  // A share as people read it; never "100 %" for what is less.
  function formatShare(share) {
    if (share > 0.999 && share < 1) return "> 99.9 %";
    if (share < 0.001 && share > 0) return "< 0.1 %";
    return `${(100 * share).toFixed(1)} %`;
  }

  function formatHeat(value) {
    const text = Math.abs(value).toFixed(1);
    return text === "0.0" ? text : `${value < 0 ? "−" : "+"}${text}`;
  }

  // Bars in a list, a row for each [name, share].
  function drawBars(list, shares) {
    while (list.children.length > shares.length) list.lastElementChild.remove();
    while (list.children.length < shares.length) {
      const row = document.createElement("li");
      row.innerHTML = '<b></b><span class="share"></span><div class="bar"><div></div></div>';
      list.append(row);
    }
    shares.forEach(([name, share], place) => {
      const row = list.children[place];
      row.querySelector("b").textContent = name;
      row.querySelector(".share").textContent = formatShare(share);
      row.querySelector(".bar > div").style.width = `${100 * share}%`;
    });
  }

  // Return a function that sets the sentence once nothing has changed for a while, so
  // that a screen reader does not speak at every stroke.
  function prepareSpeaker(element) {
    let timer;
    return (sentence) => {
      clearTimeout(timer);
      timer = setTimeout(() => { element.textContent = sentence; }, PAUSE);
    };
  }

  // Where the strongest heat lies: "upper left", "middle", …
  function namePlace(heat, size) {
    const place = heat.reduce((best, value, at) => (value > heat[best] ? at : best), 0);
    const down = ["upper", "middle", "lower"][Math.floor((3 * Math.floor(place / size)) / size)];
    const across = ["left", "middle", "right"][Math.floor((3 * (place % size)) / size)];
    return down === across ? "middle" : `${down} ${across}`;
  }

  return {
    find, readChoice, prepareRefresh, complain, showProgress, formatShare, formatHeat,
    drawBars, prepareSpeaker, namePlace,
  };
})();
