"use strict";
// Arrays that were written as text, so that a page opened as a file can read them.

const arrays = (() => {
  function readBytes(base64) {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  // What export_networks.export_array wrote, as Float32Array.
  function readFloats({ type, base64 }) {
    const view = new DataView(readBytes(base64).buffer);
    if (type === "float16") {
      return Float32Array.from(
        { length: view.byteLength / 2 }, (_, place) => widen(view.getUint16(2 * place, true)),
      );
    }
    return Float32Array.from(
      { length: view.byteLength / 4 }, (_, place) => view.getFloat32(4 * place, true),
    );
  }

  // The number that 16 bits stand for: a sign, 5 bits of exponent, 10 of fraction.
  function widen(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  }

  return { readBytes, readFloats };
})();
