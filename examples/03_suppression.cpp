// SPDX-License-Identifier: Apache-2.0
// Suppression of a box type of your own.
//
// A detector finds each object many times. A suppressor leaves one box of each: it takes boxes and
// scores, and gives back the rows to keep, best first. It needs to see your boxes by their corners
// and nothing else: no conversion of arrays, no copy into a type of ours.
#include <retinue/suppress.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace street {

// The box of some other library, with a word for how it becomes ours: to_corners beside it, in the
// same namespace.
struct rectangle {
  int left, top, width, height;
};

retinue::box<float> to_corners(const rectangle& r)
{
  return {static_cast<float>(r.left), static_cast<float>(r.top),
          static_cast<float>(r.left + r.width), static_cast<float>(r.top + r.height)};
}

}  // namespace street

namespace {
void print(const char* how, const retinue::kept_rows& kept)
{
  std::printf("%-10s", how);
  for (std::size_t i = 0; i < kept.rows.size(); ++i)
    std::printf("  %u (%.2f)", kept.rows[i], kept.scores[i]);
  std::printf("\n");
}
}  // namespace

int main()
{
  const std::vector<street::rectangle> boxes{
      {10, 10, 40, 40},  // 0: a car
      {12, 11, 40, 40},  // 1: the same car again
      {30, 10, 40, 40},  // 2: a car half behind it
      {11, 10, 40, 40},  // 3: its driver, of another class
      {90, 90, 20, 20},  // 4: a car far away
  };
  const std::vector<float> scores{0.90f, 0.80f, 0.70f, 0.60f, 0.50f};
  const std::vector<std::int32_t> classes{1, 1, 1, 2, 1};

  // Greedy: what overlaps a better box by more than 0.3 goes.
  retinue::greedy_suppressor greedy(0.3f);
  print("greedy", greedy(boxes, scores));

  // Boxes of different classes leave each other alone.
  retinue::per_class_suppressor per_class(greedy);
  print("per class", per_class(boxes, scores, classes));

  // Soft: nothing goes at once, scores fall with the overlap; what falls below 0.1 goes.
  retinue::soft_suppressor soft(retinue::gaussian_decay{.sigma = 0.5f}, 0.1f);
  print("soft", soft(boxes, scores));

  // By another measure: centres less than 15 pixels apart are one object, whatever the sizes.
  retinue::measured_suppressor<retinue::near_centres> centres(0, 100, {.within = 15});
  print("centres", centres(boxes, scores));

  // Fusion: nothing goes, what lies together becomes its mean, in score too; kept.boxes has it.
  retinue::box_fusion fusion;
  print("fusion", fusion(boxes, scores));

  // The result lies in the suppressor until its next call, so that nothing is allocated once its
  // buffers have grown: copy what you keep for longer.
  retinue::greedy_suppressor first_two(0.3f, 2);
  print("at most 2", first_two(boxes, scores));
}

// Output:
//   greedy      0 (0.90)  4 (0.50)
//   per class   0 (0.90)  3 (0.60)  4 (0.50)
//   soft        0 (0.90)  2 (0.56)  4 (0.50)  1 (0.14)
//   centres     0 (0.90)  2 (0.70)  4 (0.50)
//   fusion      0 (0.77)  2 (0.70)  4 (0.50)
//   at most 2   0 (0.90)  4 (0.50)
