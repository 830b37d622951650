// SPDX-License-Identifier: Apache-2.0
// Trains an SSD of any classes: on labelled photos, or on shapes that it draws itself.
//
//   ssd_train --data VOC2007 --subset trainval --test test --preset ssd300-vgg16 --out run
//   ssd_train --data synthetic --epochs 20 --out run
#include "program/family.hpp"

int main(int count, char** values)
{
  training_words words;
  words.name = "ssd_train";
  words.what =
      "Trains an SSD of any classes: on labelled photos, or on shapes that it draws itself.";
  words.kind = "ssd";
  words.preset = "ssd320-mobilenet0.25";
  words.epochs = 120;
  words.schedule = "cosine";
  words.size = 0;
  words.subset = "trainval";
  words.figures = true;
  return train_program(words, count, values);
}
