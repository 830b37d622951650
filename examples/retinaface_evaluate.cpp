// SPDX-License-Identifier: Apache-2.0
// Says how good a network is on labelled pictures: average precision, and error of landmarks.
//
//   retinaface_evaluate --weights run/weights.safetensors --data faces/val --curve curve.png
#include "program/family.hpp"

int main(int count, char** values)
{
  return evaluate_program(
      {"retinaface_evaluate", "Says how good a network is on labelled pictures.", "retinaface"},
      count, values);
}
