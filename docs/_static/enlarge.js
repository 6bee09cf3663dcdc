"use strict";
// A figure that the page shows smaller than it is leads to itself, in full size.

function linkFigures() {
  for (const figure of document.querySelectorAll(".bd-article img")) {
    const isSmall = figure.naturalWidth > 1.05 * figure.clientWidth;
    if (!isSmall || figure.closest("a, .sd-card")) continue;
    const link = document.createElement("a");
    link.className = "enlarge";
    link.href = figure.src;
    link.title = "In full size";
    figure.replaceWith(link);
    link.append(figure);
  }
}

if (document.readyState === "complete") linkFigures();
else window.addEventListener("load", linkFigures);
