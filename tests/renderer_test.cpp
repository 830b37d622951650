// SPDX-License-Identifier: Apache-2.0
// Meshes: what they cost, how they are drawn, and that a picture tells what was drawn.
#include "catch.hpp"

#include <retinue/error.hpp>
#include <retinue/models/mesh.hpp>
#include <retinue/models/renderer.hpp>

#include <torch/torch.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

using namespace retinue;

namespace {

const auto wide = at::TensorOptions(at::kDouble);

at::Tensor row(std::initializer_list<double> numbers)
{
  return at::tensor(at::ArrayRef<double>(numbers), wide).unsqueeze(0);
}

/// An octahedron with the centre z = 3 before the camera.
meshes octahedron(double size = 1)
{
  const double s = size;
  return {at::tensor({s, 0.0, 3.0, -s, 0.0, 3.0, 0.0, s, 3.0, 0.0, -s, 3.0, 0.0, 0.0, 3 - s, 0.0,
                      0.0, 3 + s},
                     wide)
              .view({1, 6, 3}),
          at::tensor({0.9, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9,
                      0.5, 0.5, 0.5},
                     wide)
              .view({1, 6, 3}),
          at::tensor({4, 2, 0, 4, 0, 3, 4, 3, 1, 4, 1, 2, 5, 0, 2, 5, 3, 0, 5, 1, 3, 5, 2, 1},
                     at::kLong)
              .view({8, 3})};
}
cameras plain_camera()
{
  return {row({0, 0, 0}), row({0, 0, 0}), at::tensor({1.5}, wide)};
}
lights day_light()
{
  return {row({2, -3, -2}), row({0.7, 0.7, 0.7}), row({0.3, 0.3, 0.3})};
}

/// Whether a pixel's centre lies in a triangle, and nowhere near its sides.
struct verdict_of_pixel {
  bool inside = false, clear = true;
};
verdict_of_pixel look(const std::array<std::array<double, 2>, 3>& t, double x, double y, double far)
{
  verdict_of_pixel v{true, true};
  double sign = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const auto &a = t[k], &b = t[(k + 1) % 3];
    const double turn = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
    const double length = std::hypot(b[0] - a[0], b[1] - a[1]);
    if (std::abs(turn) / length < far) v.clear = false;
    if (sign != 0 && turn * sign < 0) v.inside = false;
    sign = turn;
  }
  return v;
}

}  // namespace

TEST_CASE("vertices and edges cost what the paper says")
{
  const at::Tensor want =
      at::tensor({0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 4.0, 0.0}, wide).view({1, 3, 3});
  const at::Tensor triangles = at::tensor({0, 1, 2}, at::kLong).view({1, 3});
  const at::Tensor moved = want + row({1, -2, 0.5}).unsqueeze(0);
  CHECK(vertex_loss(moved, want).item<double>() == Approx(3.5));
  CHECK(edge_loss(moved, want, triangles).item<double>() == Approx(0).margin(1e-12));
  const at::Tensor twice = want * 2;
  CHECK(edge_loss(twice, want, triangles).item<double>() == Approx((3 + 4 + 5) / 3.0));
  // A side of no length is legal, and tells no direction.
  at::Tensor flat = at::zeros({1, 3, 3}, wide).set_requires_grad(true);
  edge_loss(flat, want, triangles).backward();
  CHECK(at::isfinite(flat.grad()).all().item<bool>());
  CHECK_THROWS_WITH(
      edge_loss(want, want, triangles.to(at::kInt)),
      "triangles of a mesh have 2 dimensions of Int, expected (triangles, 3) of Long");
  CHECK_THROWS_WITH(vertex_loss(want, want.slice(1, 0, 2)),
                    "a mesh has 9 numbers, and what it should be 6");
}

TEST_CASE("a camera sees what lies ahead in the middle, and turns as it is told")
{
  const at::Tensor points = at::tensor({0.0, 0.0, 2.0, 1.0, 0.5, 2.0}, wide).view({1, 2, 3});
  cameras c = plain_camera();
  const at::Tensor seen = seen_by(c, points);
  CHECK(at::allclose(seen[0][0], at::tensor({0.0, 0.0, 2.0}, wide)));
  CHECK(at::allclose(seen[0][1], at::tensor({0.75, 0.375, 2.0}, wide)));
  c.focal = c.focal * 2;
  CHECK(seen_by(c, points)[0][1][0].item<double>() == Approx(1.5));
  c = plain_camera();
  c.position = row({1, 0.5, 0});
  CHECK(at::allclose(seen_by(c, points)[0][1], at::tensor({0.0, 0.0, 2.0}, wide)));
  c = plain_camera();
  c.turn = row({0, 0, M_PI / 2});  // what is to the right goes to the bottom
  CHECK(at::allclose(seen_by(c, points)[0][1], at::tensor({-0.375, 0.75, 2.0}, wide)));
}

TEST_CASE("a sharp picture is that of the triangles, pixel by pixel, the nearest before all")
{
  const soft_renderer render({.sharpness = 5e-5, .gamma = 1e-4, .background = {0.2, 0.3, 0.4}});
  const extent2 size{.height = 40, .width = 56};
  const meshes m{at::tensor({-1.0, 0.8, 3.0, 0.9, 0.7, 3.0, 0.1, -0.9, 3.0,     // the near one
                             -1.4, -0.9, 5.0, -1.2, 1.4, 5.0, 1.6, -0.2, 5.0},  // the far one
                            wide)
                     .view({1, 6, 3}),
                 at::tensor({1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0,
                             0.0, 0.0, 1.0, 0.0},
                            wide)
                     .view({1, 6, 3}),
                 at::tensor({0, 1, 2, 3, 4, 5}, at::kLong).view({2, 3})};
  const lights all{row({0, 0, 0}), row({0, 0, 0}), row({1, 1, 1})};
  const rendering drawn = render(m, plain_camera(), all, size);
  const at::Tensor seen = seen_by(plain_camera(), m.vertices)[0];
  const auto corners = [&](std::int64_t first) {
    std::array<std::array<double, 2>, 3> t{};
    for (std::size_t k = 0; k < 3; ++k)
      for (std::size_t c = 0; c < 2; ++c)
        t[k][c] =
            seen[first + static_cast<std::int64_t>(k)][static_cast<std::int64_t>(c)].item<double>();
    return t;
  };
  const auto near = corners(0), far = corners(3);
  int of_near = 0, of_far = 0, of_both = 0, of_none = 0;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x) {
      const double px = (x + 0.5 - 28) / 28, py = (y + 0.5 - 20) / 28;
      const auto a = look(near, px, py, 0.01), b = look(far, px, py, 0.01);
      if (!a.clear || !b.clear) continue;
      const auto colour = drawn.image[0].select(1, y).select(1, x);
      const auto expected = a.inside   ? at::tensor({1.0, 0.0, 0.0}, wide)
                            : b.inside ? at::tensor({0.0, 1.0, 0.0}, wide)
                                       : at::tensor({0.2, 0.3, 0.4}, wide);
      CAPTURE(x, y, a.inside, b.inside);
      REQUIRE(at::allclose(colour, expected, 0, 1e-6));
      REQUIRE(drawn.cover[0][0][y][x].item<double>() ==
              Approx(a.inside || b.inside ? 1 : 0).margin(1e-6));
      (a.inside ? (b.inside ? of_both : of_near) : b.inside ? of_far : of_none) += 1;
    }
  CHECK(of_near > 20);
  CHECK(of_far > 20);
  CHECK(of_both > 100);
  CHECK(of_none > 100);
}

TEST_CASE("light falls on what is turned to it")
{
  const meshes m = octahedron();
  lights l{row({0, 0, -5}), row({1, 1, 1}), row({0, 0, 0})};
  const at::Tensor lit = lit_colours(m, l)[0];
  CHECK(at::allclose(lit[4], m.colours[0][4]));                        // looks at the light
  CHECK(lit[5].abs().max().item<double>() == Approx(0).margin(1e-9));  // looks away
  CHECK(lit[0][0].item<double>() < 0.5 * m.colours[0][0][0].item<double>());
  l.ambient = row({0.25, 0.5, 1});
  CHECK(at::allclose(lit_colours(m, l)[0][5], at::tensor({0.125, 0.25, 0.5}, wide)));
}

TEST_CASE("what is behind the camera, or beyond the far plane, is not drawn")
{
  const soft_renderer render({.far = 10});
  for (const double z : {-6.0, 20.0}) {
    meshes m = octahedron();
    m.vertices = m.vertices + row({0, 0, z}).unsqueeze(0);
    const auto drawn = render(m, plain_camera(), day_light(), {8, 8});
    CHECK(drawn.cover.abs().max().item<double>() == 0);
    CHECK(drawn.image.abs().max().item<double>() == Approx(0).margin(1e-12));
  }
}

TEST_CASE("a picture's slopes are those of its values")
{
  const soft_renderer render({.sharpness = 0.1, .gamma = 0.05, .far = 10});
  meshes m = octahedron();
  cameras c{row({0.1, 0.05, -0.2}), row({0.1, -0.2, 0.3}), at::tensor({1.4}, wide)};
  lights l = day_light();
  torch::manual_seed(4);
  const at::Tensor weights = at::rand({1, 3, 7, 9}, wide);
  const std::vector<at::Tensor*> inputs{&m.vertices, &m.colours,  &c.position, &c.turn,
                                        &c.focal,    &l.position, &l.colour,   &l.ambient};
  const auto value = [&] { return (render(m, c, l, {7, 9}).image * weights).sum(); };
  for (at::Tensor* t : inputs) t->set_requires_grad(true);
  value().backward();
  const torch::NoGradGuard no_gradients;
  for (at::Tensor* t : inputs) {
    double* const numbers = t->data_ptr<double>();
    for (std::int64_t i = 0; i < t->numel(); ++i) {
      const double was = numbers[i], step = 1e-6;
      numbers[i] = was + step;
      const double above = value().item<double>();
      numbers[i] = was - step;
      const double below = value().item<double>();
      numbers[i] = was;
      const double slope = t->grad().data_ptr<double>()[i];
      CAPTURE(i, slope);
      CHECK(slope == Approx((above - below) / (2 * step)).epsilon(1e-4).margin(1e-5));
    }
  }
}

TEST_CASE("shape, colours, camera and light are found from a picture")
{
  const soft_renderer render({.sharpness = 0.05, .gamma = 0.02, .far = 10});
  const extent2 size{24, 24};
  const cameras real{row({0.15, -0.1, 0}), row({0.2, -0.3, 0.1}), at::tensor({1.6}, wide)};
  const auto photo = render(octahedron(), real, day_light(), size).image.detach();

  torch::manual_seed(5);
  meshes m = octahedron(0.8);
  m.vertices = m.vertices + 0.05 * at::randn_like(m.vertices);
  m.colours = at::full_like(m.colours, 0.5);
  cameras c = plain_camera();
  lights l{row({0, -1, -2}), row({0.5, 0.5, 0.5}), row({0.5, 0.5, 0.5})};
  std::vector<at::Tensor> learnt{m.vertices, m.colours,  c.position, c.turn,
                                 c.focal,    l.position, l.colour,   l.ambient};
  for (at::Tensor& t : learnt) t.set_requires_grad(true);
  torch::optim::Adam optimize(learnt, torch::optim::AdamOptions(0.02));
  const at::Tensor one = at::ones({1}, wide);
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    optimize.zero_grad();
    const at::Tensor loss = pixel_loss(render(m, c, l, size).image, photo, one);
    loss.backward();
    optimize.step();
    last = loss.item<double>();
    if (step == 0) first = last;
  }
  CAPTURE(first, last);
  CHECK(first > 0.1);
  CHECK(last < 0.15 * first);
}

TEST_CASE("the pixel loss counts those who have a mesh, by pixels")
{
  const at::Tensor a = at::zeros({3, 3, 4, 5}, wide), b = a.clone();
  b[0].fill_(1), b[1].fill_(100), b[2].fill_(3);
  CHECK(pixel_loss(a, b, at::tensor({1, 0, 1})).item<double>() == Approx((3 + 9) / 2.0));
  CHECK(pixel_loss(a, b, at::tensor({0, 0, 0})).item<double>() == 0);
  CHECK_THROWS_WITH(pixel_loss(a, b[0], at::ones({3})),
                    "rendered pictures have 180 numbers, and the photos 60, expected as many, "
                    "(pictures, 3, height, width)");
  CHECK_THROWS_WITH(soft_renderer({.gamma = 0}),
                    Catch::ContainsSubstring("expected numbers above 0, and the far one above"));
}
