"use strict";
// Start TensorFlow.js: WebAssembly where it works, which computes in full float32 on
// every device (a phone's WebGL may not), and else plain JavaScript, which is slower.

const backend = (() => {
  const TOLERANCE = 1e-4;

  // Load the networks: an object of what export_networks.export_network wrote. Resolves
  // to the rebuilt networks and their largest difference from Keras's logits.
  async function start(stored) {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); // it would need another file
    if (await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) {
      // Of the three builds that TensorFlow.js asks for, it will take the one with SIMD.
      const binary = `data:application/octet-stream;base64,${backendData}`;
      tf.wasm.setWasmPaths({
        "tfjs-backend-wasm.wasm": binary,
        "tfjs-backend-wasm-simd.wasm": binary,
        "tfjs-backend-wasm-threaded-simd.wasm": binary,
      });
      if (await tf.setBackend("wasm").catch(() => false)) {
        const started = await build(stored);
        if (started.difference <= TOLERANCE) return started;
      }
    }
    await tf.setBackend("cpu");
    const started = await build(stored);
    if (started.difference <= TOLERANCE) return started;
    throw new Error("this browser does not compute what Keras computes");
  }

  async function build(stored) {
    const rebuilt = {};
    const differences = [];
    for (const [name, network] of Object.entries(stored)) {
      rebuilt[name] = networks.build(network);
      differences.push(await networks.compareWithKeras(rebuilt[name]));
    }
    return { networks: rebuilt, difference: Math.max(...differences) };
  }

  return { start };
})();
