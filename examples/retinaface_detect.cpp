// SPDX-License-Identifier: Apache-2.0
// Finds faces, or whatever the weights were trained for, in pictures.
//
//   retinaface_detect --weights mobilenet0.25_Final.pth --image photo.jpg --overlay found.jpg
#include "program/family.hpp"

int main(int count, char** values)
{
  return detect_program(
      {"retinaface_detect", "Finds faces, or whatever the weights were trained for, in pictures.",
       "retinaface"},
      count, values);
}
