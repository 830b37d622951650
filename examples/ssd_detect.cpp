// SPDX-License-Identifier: Apache-2.0
// Finds the objects of an SSD's classes in pictures.
//
//   ssd_train --data synthetic --out run
//   ssd_detect --weights run/weights.safetensors --image photos --overlay found
#include "program/family.hpp"

int main(int count, char** values)
{
  return detect_program({"ssd_detect", "Finds the objects of an SSD's classes in pictures.", "ssd"},
                        count, values);
}
