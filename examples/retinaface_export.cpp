// SPDX-License-Identifier: Apache-2.0
// Writes trained weights as ONNX, for runtimes other than LibTorch.
//
//   retinaface_export --weights mobilenet0.25_Final.pth --out faces.onnx
//   any_runtime --model faces.onnx --image photo.jpg --overlay found.jpg
#include "program/family.hpp"

int main(int count, char** values)
{
  return export_program(
      {"retinaface_export", "Writes a trained network as ONNX, for other runtimes.", "retinaface"},
      count, values);
}
