// SPDX-License-Identifier: Apache-2.0
// What a mesh costs: where its vertices are, and how long its edges.
//
//   vertices   1 / N sum_i |V_i - V*_i|_1               N vertices
//   edges      1 / 3M sum_j |E_j - E*_j|                M triangles, E the lengths of their sides
//
// (Deng 2020, RetinaFace, CVPR, section 3.2.) The topology is a tensor of triangles; a mesh whose
// vertices are landmarks has a schema of dimension 3, and its triangles beside.
#pragma once

#include <retinue/error.hpp>  // fail

#include <torch/torch.h>

namespace retinue {

namespace detail {
/// (B, N, 3) by (M, 3), whose numbers are below N.
inline void check_mesh(const at::Tensor& vertices, const at::Tensor& triangles)
{
  if (vertices.dim() != 3 || vertices.size(2) != 3)
    fail("vertices of a mesh have ", vertices.dim(), " dimensions, expected (meshes, vertices, 3)");
  if (triangles.dim() != 2 || triangles.size(1) != 3 || triangles.scalar_type() != at::kLong)
    fail("triangles of a mesh have ", triangles.dim(), " dimensions of ",
         c10::toString(triangles.scalar_type()), ", expected (triangles, 3) of Long");
}

/// (B, M, 3, 3): of each triangle its corners.
[[nodiscard]] inline at::Tensor corners_of(const at::Tensor& vertices, const at::Tensor& triangles)
{
  return vertices.index_select(1, triangles.flatten())
      .view({vertices.size(0), triangles.size(0), 3, vertices.size(2)});
}

/// (B, M, 3): of each triangle the lengths of its sides. A side of no length has no slope.
[[nodiscard]] inline at::Tensor sides_of(const at::Tensor& vertices, const at::Tensor& triangles)
{
  const at::Tensor corners = corners_of(vertices, triangles);
  const at::Tensor squared = (corners - corners.roll(1, 2)).square().sum(-1);
  const at::Tensor none = squared == 0;
  return squared.masked_fill(none, 1).sqrt().masked_fill(none, 0);
}
}  // namespace detail

/// Of vertices (B, N, 3) in one unit: the mean over meshes, (). Throws where the two are of
/// different shapes.
[[nodiscard]] inline at::Tensor vertex_loss(const at::Tensor& said, const at::Tensor& want)
{
  if (said.sizes() != want.sizes())
    fail("a mesh has ", said.numel(), " numbers, and what it should be ", want.numel());
  return (said - want).abs().sum(-1).mean();
}

/// Of vertices (B, N, 3) and triangles (M, 3), of Long, below N: the mean over meshes, (). Throws
/// where they are of another shape or type.
[[nodiscard]] inline at::Tensor edge_loss(const at::Tensor& said, const at::Tensor& want,
                                          const at::Tensor& triangles)
{
  detail::check_mesh(said, triangles);
  detail::check_mesh(want, triangles);
  return (detail::sides_of(said, triangles) - detail::sides_of(want, triangles)).abs().mean();
}

}  // namespace retinue
