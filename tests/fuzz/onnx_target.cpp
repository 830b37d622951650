// SPDX-License-Identifier: Apache-2.0
// The metadata of ONNX files: what is read is written into a file, and read again as the same.
#include "target.hpp"

#include <retinue/weights/onnx.hpp>
#include <retinue/weights/onnx_reader.hpp>

using namespace retinue;
using namespace retinue::fuzz;

// A field of two bytes takes a place in a map.
const std::size_t fuzz::memory_per_byte = 200;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  reads("made.onnx: ", [&] {
    onnx_model model;
    model.weights.metadata = onnx_signature_of(text_of(bytes, size), "made.onnx").metadata;
    const std::string written = onnx_bytes(model);
    law(onnx_signature_of(written, "again.onnx").metadata == model.weights.metadata,
        "what is written is read");
  });
  return 0;
}
