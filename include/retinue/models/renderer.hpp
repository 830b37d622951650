// SPDX-License-Identifier: Apache-2.0
// Pictures of meshes through which gradients flow, to vertices, colours, camera and light: what the
// fourth term of RetinaFace's loss compares with the photo.
//
//   pixel loss   1 / WH sum_xy |R(mesh, camera, light)_xy - I_xy|_1       Deng 2019, section 3.2
//
// The soft rasterizer (Liu 2019, Soft Rasterizer, sections 3.2 and 3.3) lets every triangle j reach
// beyond its sides, d(i, j) from pixel i, and those behind shine through a little:
//
//   D_ij = sigmoid(+-d(i, j)^2 / sharpness^2)               + inside
//   w_ij = D_ij exp(z_ij / gamma) / (sum_k D_ik exp(z_ik / gamma) + exp(epsilon / gamma))
//   R_i  = sum_j w_ij C_ij + (1 - sum_j w_ij) background    cover_i = 1 - prod_j (1 - D_ij)
//
// z is nearness, 1 at the near plane and 0 at the far one; C the colours of the corners, weighed by
// barycentric coordinates. Time and memory are O(meshes x pixels x triangles): for crops of faces.
#pragma once

#include <retinue/error.hpp>        // fail
#include <retinue/geometry.hpp>     // extent2
#include <retinue/models/mesh.hpp>  // check_mesh

#include <torch/torch.h>

#include <algorithm>
#include <concepts>
#include <cstdint>

namespace retinue {

/// B pinhole cameras. One at the origin that is not turned looks along +z, x to the right, y down.
struct cameras {
  at::Tensor position;  ///< (B, 3)
  at::Tensor turn;      ///< (B, 3): an axis, as long as the angle in radians
  at::Tensor focal;     ///< (B): half the picture's longer side is 1
};

/// B point lights, and what comes from everywhere.
struct lights {
  at::Tensor position;  ///< (B, 3)
  at::Tensor colour;    ///< (B, 3)
  at::Tensor ambient;   ///< (B, 3)
};

/// B meshes of one topology.
struct meshes {
  at::Tensor vertices;   ///< (B, N, 3)
  at::Tensor colours;    ///< (B, N, 3)
  at::Tensor triangles;  ///< (M, 3), of Long; counter-clockwise, seen from outside
};

/// Pictures of B meshes.
struct rendering {
  at::Tensor image;  ///< (B, 3, height, width)
  at::Tensor cover;  ///< (B, 1, height, width): 1 where there is a mesh, 0 where there is none
};

/// A renderer of your own.
template <class R>
concept differentiable_renderer =
    requires(const R& render, const meshes& m, const cameras& c, const lights& l, extent2 size) {
      { render(m, c, l, size) } -> std::same_as<rendering>;
    };

namespace detail {

/// x, or the length 1 in its direction. Nothing where it has none.
[[nodiscard]] inline at::Tensor normalized(const at::Tensor& x)
{
  return x / (x.square().sum(-1, true) + 1e-12).sqrt();
}

/// Points (B, N, 3) turned about axes (B, 3) (Rodrigues).
[[nodiscard]] inline at::Tensor rotated(const at::Tensor& points, const at::Tensor& turn)
{
  const at::Tensor angle = (turn.square().sum(-1, true) + 1e-12).sqrt().unsqueeze(1);
  const at::Tensor axis = (turn.unsqueeze(1) / angle).expand_as(points);
  const at::Tensor along = (axis * points).sum(-1, true) * axis;
  return points * angle.cos() + at::cross(axis, points, -1) * angle.sin() +
         along * (1 - angle.cos());
}

/// Unit normals (B, N, 3) of vertices: of the triangles around them, weighed by their areas.
[[nodiscard]] inline at::Tensor vertex_normals(const at::Tensor& vertices,
                                               const at::Tensor& triangles)
{
  const at::Tensor corners = corners_of(vertices, triangles);
  const at::Tensor of_triangle = at::cross(corners.select(2, 1) - corners.select(2, 0),
                                           corners.select(2, 2) - corners.select(2, 0), -1);
  at::Tensor sum = at::zeros_like(vertices);
  for (std::int64_t corner = 0; corner < 3; ++corner)
    sum = sum.index_add(1, triangles.select(1, corner), of_triangle);
  return normalized(sum);
}

}  // namespace detail

/// Colours (B, N, 3) of vertices under a light: each is a matt surface (Lambert 1760).
[[nodiscard]] inline at::Tensor lit_colours(const meshes& m, const lights& by)
{
  const at::Tensor normals = detail::vertex_normals(m.vertices, m.triangles);
  const at::Tensor towards = detail::normalized(by.position.unsqueeze(1) - m.vertices);
  const at::Tensor share = (normals * towards).sum(-1, true).clamp_min(0);
  return m.colours * (by.ambient.unsqueeze(1) + by.colour.unsqueeze(1) * share);
}

/// Points (B, N, 3) seen by cameras: x and y of the picture, whose longer half side is 1, and
/// depth.
[[nodiscard]] inline at::Tensor seen_by(const cameras& c, const at::Tensor& points)
{
  const at::Tensor p = detail::rotated(points - c.position.unsqueeze(1), c.turn);
  const at::Tensor depth = p.select(-1, 2).clamp_min(1e-6);
  const at::Tensor scale = c.focal.unsqueeze(1) / depth;
  return at::stack({p.select(-1, 0) * scale, p.select(-1, 1) * scale, p.select(-1, 2)}, -1);
}

/// The soft rasterizer at the top of this header.
class soft_renderer {
 public:
  struct settings {
    double sharpness = 0.02;  ///< how far a triangle reaches, in halves of the longer side; > 0
    double gamma = 1e-2;      ///< how much those behind shine through; > 0
    double near = 0.1, far = 100;      ///< depths that are seen
    double background[3] = {0, 0, 0};  ///< its colour
  };

  /// By the settings as they stand.
  soft_renderer() : soft_renderer(settings{}) {}
  /// Throws where a number but those of the background is not above 0, or where the far depth is
  /// not beyond the near one.
  explicit soft_renderer(const settings& s) : settings_(s)
  {
    if (!(s.sharpness > 0) || !(s.gamma > 0) || !(s.near > 0) || !(s.far > s.near))
      fail("a renderer has the sharpness ", s.sharpness, ", the gamma ", s.gamma,
           " and sees depths from ", s.near, " to ", s.far,
           ", expected numbers above 0, and the far one above the near one");
  }

  /// Pictures of `size`, in pixels. Throws where vertices or triangles are of another shape or
  /// type, and where a side has no pixel.
  [[nodiscard]] rendering operator()(const meshes& m, const cameras& c, const lights& l,
                                     extent2 size) const
  {
    detail::check_mesh(m.vertices, m.triangles);
    if (size.width < 1 || size.height < 1)
      fail("a picture of ", size.width, " x ", size.height, " cannot be drawn");
    const at::Tensor seen = seen_by(c, m.vertices);
    const at::Tensor corners =
        detail::corners_of(seen, m.triangles).unsqueeze(1);  // (B, 1, M, 3, 3)
    const at::Tensor a = corners.slice(-1, 0, 2),
                     b = a.roll(-1, 3);  // side k: corner k to the next
    const at::Tensor depth = corners.select(-1, 2);
    const at::Tensor p = centres(size, seen.options()).view({1, -1, 1, 1, 2});

    // Sides: on which side of each a pixel is, and how far from it.
    const at::Tensor along = b - a, from = p - a;  // (B, P, M, 3, 2)
    const auto x = [](const at::Tensor& v) { return v.select(-1, 0); };
    const auto y = [](const at::Tensor& v) { return v.select(-1, 1); };
    const at::Tensor turn = x(along) * y(from) - y(along) * x(from);  // (B, P, M, 3)
    const at::Tensor at = ((along * from).sum(-1) / (along.square().sum(-1) + 1e-12)).clamp(0, 1);
    const at::Tensor away =
        (from - at.unsqueeze(-1) * along).square().sum(-1).amin(-1);  // (B, P, M)
    const at::Tensor area = turn.sum(-1);
    const at::Tensor inside = ((turn >= 0).all(-1) | (turn <= 0).all(-1)) & (area != 0);
    const at::Tensor signed_away = at::where(inside, away, -away);
    // A triangle with a corner before the near plane or all beyond the far one is not seen.
    const at::Tensor visible = (depth.amin(-1) > settings_.near) & (depth.amax(-1) < settings_.far);
    const at::Tensor sharp = signed_away / (settings_.sharpness * settings_.sharpness);
    const at::Tensor reach = sharp.sigmoid() * visible.to(seen.scalar_type());

    // The weight of corner k is the area opposite: that of the side from corner k + 1.
    const at::Tensor whole = at::where(area == 0, at::ones_like(area), area).unsqueeze(-1);
    const at::Tensor raw = (turn.roll(-1, 3) / whole).clamp(0, 1);
    const at::Tensor weights = raw / raw.sum(-1, true).clamp_min(1e-6);
    const at::Tensor z = 1 / (weights / depth.clamp_min(settings_.near)).sum(-1).clamp_min(1e-9);
    const at::Tensor nearness =
        ((settings_.far - z) / (settings_.far - settings_.near)).clamp(0, 1);

    const at::Tensor colours =
        detail::corners_of(lit_colours(m, l), m.triangles).unsqueeze(1);      // (B, 1, M, 3, 3)
    const at::Tensor of_triangle = (weights.unsqueeze(-1) * colours).sum(3);  // (B, P, M, 3)
    // ln D + z / gamma of triangles and background, so that nothing overflows.
    const at::Tensor strength = (at::log_sigmoid(sharp) + nearness / settings_.gamma)
                                    .masked_fill(visible.logical_not(), -1e30);
    const at::Tensor of_background =
        at::full_like(strength.slice(-1, 0, 1), epsilon / settings_.gamma);
    const at::Tensor w = at::softmax(at::cat({strength, of_background}, -1), -1).unsqueeze(-1);
    const at::Tensor behind =
        at::tensor(at::ArrayRef<double>(settings_.background, 3), seen.options());
    const std::int64_t triangles = m.triangles.size(0);
    const at::Tensor image =
        (w.slice(2, 0, triangles) * of_triangle).sum(2) + w.select(2, triangles) * behind;
    const at::Tensor cover = 1 - (1 - reach).prod(-1);
    const std::int64_t count = m.vertices.size(0);
    return {image.transpose(1, 2).reshape({count, 3, size.height, size.width}),
            cover.reshape({count, 1, size.height, size.width})};
  }

 private:
  static constexpr double epsilon = 1e-3;  // the nearness of the background

  /// (P, 2): the centres of the pixels, row by row.
  static at::Tensor centres(extent2 size, const at::TensorOptions& like)
  {
    const double half = std::max(size.width, size.height) / 2.0;
    const at::Tensor xs = (at::arange(size.width, like) + 0.5 - size.width / 2.0) / half;
    const at::Tensor ys = (at::arange(size.height, like) + 0.5 - size.height / 2.0) / half;
    return at::stack({xs.view({1, -1}).expand({size.height, size.width}),
                      ys.view({-1, 1}).expand({size.height, size.width})},
                     -1)
        .reshape({-1, 2});
  }

  settings settings_;
};
static_assert(differentiable_renderer<soft_renderer>);

/// The fourth term of the multi-task loss, of images (B, 3, height, width), the mean over those
/// that count: `has_mesh` (B) is 1 for them, and 0 for others. 0 where nobody counts. Normalised by
/// pixels. Throws where the two are not of one shape of four dimensions.
[[nodiscard]] inline at::Tensor pixel_loss(const at::Tensor& rendered, const at::Tensor& photo,
                                           const at::Tensor& has_mesh)
{
  if (rendered.sizes() != photo.sizes() || rendered.dim() != 4)
    fail("rendered pictures have ", rendered.numel(), " numbers, and the photos ", photo.numel(),
         ", expected as many, (pictures, 3, height, width)");
  const at::Tensor of_each = (rendered - photo).abs().sum(1).mean({1, 2});  // (B)
  const at::Tensor counts = has_mesh.to(of_each.scalar_type());
  return (of_each * counts).sum() / counts.sum().clamp_min(1);
}

}  // namespace retinue
