// SPDX-License-Identifier: Apache-2.0
// Says how good an SSD is on labelled pictures.
//
//   ssd_evaluate --weights run/weights.safetensors --data VOC2007 --subset test --curve curve.png
#include "program/family.hpp"

int main(int count, char** values)
{
  return evaluate_program({"ssd_evaluate", "Says how good an SSD is on labelled pictures.", "ssd"},
                          count, values);
}
