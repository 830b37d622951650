// SPDX-License-Identifier: Apache-2.0
// Writes an SSD's trained weights as ONNX, for runtimes other than LibTorch.
//
//   ssd_export --weights run/weights.safetensors --out objects.onnx
//   any_runtime --model objects.onnx --image photo.jpg --overlay found.jpg
#include "program/family.hpp"

int main(int count, char** values)
{
  return export_program({"ssd_export", "Writes a trained SSD as ONNX, for other runtimes.", "ssd"},
                        count, values);
}
