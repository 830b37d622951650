// SPDX-License-Identifier: Apache-2.0
#include <retinue/data/scenes.hpp>

#include "catch.hpp"

#include <algorithm>
#include <cmath>
#include <set>

using namespace retinue;

namespace {

template <class Scene>
void check_inside(const Scene& s, const scene_options& o)
{
  REQUIRE(s.picture.type() == CV_8UC3);
  CHECK(s.picture.cols == o.size.width);
  CHECK(s.picture.rows == o.size.height);
  CHECK(s.instances.size() <= std::size_t(o.most));
  for (const auto& i : s.instances) {
    CHECK(i.bounds.x1 >= 0);
    CHECK(i.bounds.y2 <= float(o.size.height));
    CHECK(i.bounds.x2 - i.bounds.x1 > 4);
    CHECK(i.bounds.y2 - i.bounds.y1 > 4);
  }
}

}  // namespace

TEST_CASE("Drawn faces: the same for a key, others for another, all truths in the picture")
{
  const scene_options o{.size = {240, 300}};
  std::size_t faces = 0, hidden = 0, small = 0, large = 0;
  std::set<double> pictures;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const auto s = draw_faces(1, i, o), again = draw_faces(1, i, o), other = draw_faces(2, i, o);
    CHECK(cv::norm(s.picture, again.picture, cv::NORM_INF) == 0);
    CHECK(s.instances == again.instances);
    CHECK(cv::norm(s.picture, other.picture, cv::NORM_INF) > 0);
    pictures.insert(cv::norm(s.picture));
    check_inside(s, o);
    for (const auto& f : s.instances) {
      ++faces;
      const float side = f.bounds.y2 - f.bounds.y1;
      small += side < 30;
      large += side > 80;
      const auto& p = f.points.points;
      for (std::size_t k = 0; k < 5; ++k) {
        hidden += !f.visible[k];
        if (!f.visible[k]) continue;
        CHECK(p[k][0] > f.bounds.x1 - side * 0.25f);
        CHECK(p[k][0] < f.bounds.x2 + side * 0.25f);
        CHECK(p[k][1] > f.bounds.y1 - side * 0.1f);
        CHECK(p[k][1] < f.bounds.y2 + side * 0.1f);  // of a face on its side, a mouth's corner
      }
      CHECK(p[0][0] < p[1][0]);  // left is the picture's left
      CHECK(p[3][0] < p[4][0]);
      CHECK((p[0][1] + p[1][1] < p[3][1] + p[4][1]));
    }
  }
  CHECK(pictures.size() == 60);
  CHECK(faces > 100);
  CHECK(hidden > 10);
  CHECK(small > 10);
  CHECK(large > 10);
}

TEST_CASE("Drawn shapes: every class, each where its box says")
{
  const scene_options o{.size = {200, 200}, .least = 1, .most = 1, .smallest = 40};
  std::set<int> labels;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const auto s = draw_shapes(3, i, o);
    check_inside(s, o);
    REQUIRE(s.instances.size() == 1);
    labels.insert(s.instances[0].label);
  }
  CHECK(labels == std::set<int>{1, 2, 3, 4});
}
