// SPDX-License-Identifier: Apache-2.0
// ONNX files: metadata that is read is written into a file, and read again as the same; a file
// whose input has another shape says all else as before.
#include "target.hpp"

#include <retinue/weights/onnx.hpp>
#include <retinue/weights/onnx_extents.hpp>
#include <retinue/weights/onnx_reader.hpp>

using namespace retinue;
using namespace retinue::fuzz;

// A field of two bytes takes a place in a map.
const std::size_t fuzz::memory_per_byte = 200;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
  reads("made.onnx: ", [&] {
    const onnx_signature says = onnx_signature_of(text_of(bytes, size), "made.onnx");
    onnx_model model;
    model.weights.metadata = says.metadata;
    const std::string written = onnx_bytes(model);
    law(onnx_signature_of(written, "again.onnx").metadata == model.weights.metadata,
        "what is written is read");
    if (says.inputs.size() != 1) return;
    const std::string& input = says.inputs[0].name;
    const onnx_signature other = onnx_signature_of(
        with_input_shape(text_of(bytes, size), input, {7, 3, 32, 300}, "made.onnx"), "other.onnx");
    law(other.metadata == says.metadata && other.made_by == says.made_by &&
            other.inputs.size() == 1 && other.inputs[0].name == input,
        "another shape changes nothing else");
    law(with_input_shape(onnx_bytes({says.inputs, says.outputs, {}, model.weights}), input,
                         {7, 3, 32, 300}, "again.onnx") ==
            onnx_bytes({{{input, {7, 3, 32, 300}}}, says.outputs, {}, model.weights}),
        "a shape is written as if it had been there");
  });
  return 0;
}
