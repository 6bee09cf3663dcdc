"use strict";

(async () => {
  try {
    const started = await backend.start({ ...digitData, ...hotelData.networks });
    oneOrSeven.start(started.networks);
    pools.start(started.networks);
    page.find("check").textContent =
      "When this page was opened, your browser ran all five networks on a test picture: "
      + `its scores differ from Keras’s by at most ${started.difference.toFixed(6)}.`;
    document.body.classList.add("ready");
  } catch (error) {
    page.complain(error);
  }
})();
