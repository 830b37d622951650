// SPDX-License-Identifier: Apache-2.0
// Trains a RetinaFace: on labelled photos, or on scenes that it draws itself.
//
//   retinaface_train --data synthetic --size 192 --epochs 20 --out run
//   retinaface_evaluate --weights run/weights.safetensors --data synthetic --scene-size 192
//   retinaface_detect --weights run/weights.safetensors --image photo.jpg --overlay found.jpg
#include "program/family.hpp"

int main(int count, char** values)
{
  training_words words;
  words.name = "retinaface_train";
  words.what = "Trains a RetinaFace: on labelled photos, or on scenes that it draws itself.";
  words.kind = "retinaface";
  words.preset_note = " (default: mobilenet0.25 with ReLU)";
  words.weights_for = " (for retinaface_detect)";
  words.long_side = true;
  return train_program(words, count, values);
}
