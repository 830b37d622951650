// SPDX-License-Identifier: Apache-2.0
// A stage of augmentation of your own: a quarter turn.
//
// A stage decides, and changes nothing; what it decides is a small value that moves the instances,
// boxes and landmarks together, and the pixels. So a draw can be repeated, printed and applied to
// any picture of the same size.
#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>

#include <opencv2/core.hpp>

#include <cstdio>
#include <span>
#include <vector>

namespace mine {
using namespace retinue;

struct quarter_turn {  // to the right, as a picture from a telephone: (x, y) to (height - y, x)
  bool turned = false;

  [[nodiscard]] extent2 size_after(extent2 size) const
  {
    return turned ? extent2{.height = size.width, .width = size.height} : size;
  }
  template <class Schema>
  void map(std::vector<instance<Schema>>& instances, extent2 size) const
  {
    if (!turned) return;
    const auto h = static_cast<float>(size.height);
    for (instance<Schema>& i : instances) {
      i.bounds = {h - i.bounds.y2, i.bounds.x1, h - i.bounds.y1, i.bounds.x2};
      for (auto& p : i.points.points) p = {h - p[1], p[0]};
    }
  }
};
// The pixels: found beside the transform, in its namespace.
void apply(const quarter_turn& t, const cv::Mat& from, cv::Mat& to)
{
  t.turned ? cv::rotate(from, to, cv::ROTATE_90_CLOCKWISE) : from.copyTo(to);
}

struct random_quarter_turn {
  double probability = 0.5;

  template <random_source Random, class Schema>
  [[nodiscard]] quarter_turn draw(Random& random, extent2, std::span<const instance<Schema>>) const
  {
    return {random.chance(probability)};
  }
};
static_assert(augmentation_stage<random_quarter_turn>);
}  // namespace mine

int main()
{
  using namespace retinue;
  const augmentation train{mine::random_quarter_turn{1.0}, random_mirror{0.0},
                           random_resize{{60, 60}}};
  cv::Mat picture(120, 200, CV_8UC3, cv::Scalar(0, 0, 0));
  picture(cv::Rect(20, 10, 40, 30)).setTo(cv::Scalar(255, 255, 255));
  std::vector<instance<schemas::none>> truths(1);
  truths[0].bounds = {20, 10, 60, 40};

  const auto plan = train.draw(keyed_random(1, 0, 0), {picture.rows, picture.cols}, truths);
  augmentation_buffers buffers;
  const cv::Mat seen = apply(plan, picture, buffers);
  const box<float>& b = truths[0].bounds;
  std::printf("%d x %d, the object from (%.0f, %.0f) to (%.0f, %.0f)\n", seen.cols, seen.rows, b.x1,
              b.y1, b.x2, b.y2);
  std::printf("white inside: %d, outside: %d\n", seen.at<cv::Vec3b>(12, 47)[0],
              seen.at<cv::Vec3b>(40, 20)[0]);
}

// Output:
//   60 x 60, the object from (40, 6) to (55, 18)
//   white inside: 255, outside: 0
