// SPDX-License-Identifier: Apache-2.0
// A box there and back.
//
// A network says nothing of boxes. For each anchor, a box whose place is fixed, it says four
// offsets, numbers of about 1 whatever the size of the object. A coder makes offsets from a truth
// for training, and a box from offsets for detection.
#include <retinue/formulas/coders.hpp>

#include <cstdio>

using namespace retinue;

int main()
{
  // Two types of boxes: anchors are given by their centre, truths and detections by their corners.
  const centre_box<float> anchor{.cx = 100, .cy = 80, .w = 40, .h = 40};
  const box<float> face{.x1 = 90, .y1 = 60, .x2 = 130, .y2 = 110};

  // Lengths are pixels here. Fractions of the image do as well, for box and anchor alike: offsets
  // have no unit.
  const centre_size_coder coder;
  const offsets<float> o = coder.encode(face, anchor);
  std::printf("offsets  %.3f %.3f %.3f %.3f\n", o.dx, o.dy, o.dw, o.dh);

  const box<float> back = coder.decode(o, anchor);
  std::printf("back     %.3f %.3f %.3f %.3f\n", back.x1, back.y1, back.x2, back.y2);

  // Landmarks are coded beside their box. How many there are is part of their type.
  const landmarks<float, schemas::face5> marks{
      {{{100, 75}, {120, 75}, {110, 85}, {102, 98}, {118, 98}}}};
  const landmark_offsets<float, schemas::face5> regressed = coder.encode(marks, anchor);
  const landmarks<float, schemas::face5> again = coder.decode(regressed, anchor);
  for (std::size_t k = 0; k < schemas::face5::count; ++k)
    std::printf("%-18s (%.0f, %.0f) as (%.3f, %.3f)\n", schemas::face5::names[k].data(),
                again.points[k][0], again.points[k][1], regressed.points[k][0],
                regressed.points[k][1]);

  // A network that has learnt nothing may say anything, and exp(1000) is infinite. The coder lets a
  // side grow to no more than 62.5 times the anchor's; centre_size_coder::unclamped() has no limit.
  const offsets<float> wild{.dx = 0, .dy = 0, .dw = 1000, .dh = 0};
  const box<float> large = coder.decode(wild, anchor);
  std::printf("wild     a width of %.0f\n", large.x2 - large.x1);
}

// Output:
//   offsets  2.500 1.250 0.000 1.116
//   back     90.000 60.000 130.000 110.000
//   left eye           (100, 75) as (0.000, -1.250)
//   right eye          (120, 75) as (5.000, -1.250)
//   nose               (110, 85) as (2.500, 1.250)
//   left mouth corner  (102, 98) as (0.500, 4.500)
//   right mouth corner (118, 98) as (4.500, 4.500)
//   wild     a width of 2500
