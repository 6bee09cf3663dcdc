"use strict";
// The course's networks, rebuilt layer by layer from the arrays in *_data.js.

const networks = (() => {
  const kinds = {
    Rescaling: (maps, layer) => tf.add(tf.mul(maps, layer.scale), layer.offset),
    Conv2D: (maps, layer) =>
      finish(tf.conv2d(maps, layer.kernel, layer.strides, layer.padding), layer),
    DepthwiseConv2D: (maps, layer) =>
      finish(tf.depthwiseConv2d(maps, layer.kernel, layer.strides, layer.padding), layer),
    BatchNormalization: (maps, layer) =>
      tf.batchNorm(
        maps, layer.moving_mean, layer.moving_variance, layer.beta, layer.gamma,
        layer.epsilon,
      ),
    ReLU: (maps) => tf.relu(maps),
    MaxPooling2D: (maps, layer) =>
      tf.maxPool(maps, layer.pool_size, layer.strides, layer.padding),
    GlobalAveragePooling2D: (maps) => tf.mean(maps, [1, 2]),
    Flatten: (maps) => tf.reshape(maps, [maps.shape[0], -1]),
    Dense: (values, layer) => finish(tf.matMul(values, layer.kernel), layer),
  };

  // Take what export_networks.export_network wrote; arrays become tensors.
  function build(stored) {
    const layers = stored.layers.map(({ weights, ...settings }) => {
      const layer = { ...settings };
      for (const [name, array] of Object.entries(weights)) {
        layer[name.replace("depthwise_kernel", "kernel")] = tf.tensor(
          arrays.readFloats(array), array.shape,
        );
      }
      return layer;
    });
    return { shape: stored.input, layers, tried: stored.tried };
  }

  // Logits of pictures, both as Float32Array: the pictures lie one behind the other.
  async function readLogits(network, pictures) {
    const logits = tf.tidy(() => {
      let maps = tf.tensor(pictures, [-1, ...network.shape].map(
        (size, axis) => axis ? size : pictures.length / sizeOf(network),
      ));
      for (const layer of network.layers) maps = kinds[layer.kind](maps, layer);
      return maps;
    });
    try {
      return await logits.data();
    } finally {
      logits.dispose();
    }
  }

  function softmax(logits) {
    const highest = Math.max(...logits);
    const powers = Array.from(logits, (logit) => Math.exp(logit - highest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  }

  // The largest difference from Keras's logits, for the picture they were noted for.
  async function compareWithKeras(network) {
    const pattern = Float32Array.from(
      { length: sizeOf(network) }, (_, place) => ((place * 7919) % 256) / 255,
    );
    const logits = await readLogits(network, pattern);
    return Math.max(...logits.map((logit, place) => Math.abs(logit - network.tried[place])));
  }

  function sizeOf(network) {
    return network.shape.reduce((product, length) => product * length);
  }

  function finish(maps, layer) {
    const shifted = layer.bias ? tf.add(maps, layer.bias) : maps;
    return layer.activation === "relu" ? tf.relu(shifted) : shifted;
  }

  return { build, readLogits, softmax, compareWithKeras, sizeOf };
})();
