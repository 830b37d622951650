// SPDX-License-Identifier: Apache-2.0
// LibTorch's memory as that of a device on which programs run, and its tensors as programs see
// them. Blocks are host_blocks for tensors of the processor, torch_cuda_blocks for those of CUDA.
#pragma once

#include <retinue/backend/libtorch.hpp>      // tensor_output
#include <retinue/backend/team_device.hpp>   // team_device
#include <retinue/backend/team_outputs.hpp>  // output_view, team_outputs
#include <retinue/detect_team.hpp>           // team_backend, and the detector over one
#include <retinue/error.hpp>                 // fail
#include <retinue/formulas/narrow.hpp>       // float16, bfloat16

#include <torch/torch.h>

#if __has_include(<c10/cuda/impl/cuda_cmake_macros.h>) && __has_include(<cuda_runtime_api.h>)
#include <retinue/backend/cuda_blocks.hpp>  // cuda_blocks

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
/// Whether LibTorch was built with CUDA.
#define RETINUE_HAS_TORCH_CUDA 1
#else
/// Whether LibTorch was built with CUDA.
#define RETINUE_HAS_TORCH_CUDA 0
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace retinue {

#if RETINUE_HAS_TORCH_CUDA
/// The blocks of the CUDA stream that is LibTorch's current one of a device whenever a program is
/// run. Offered where LibTorch was built with CUDA; the programs are named in a .cu of yours.
class torch_cuda_blocks {
 public:
  static constexpr at::DeviceType device = at::kCUDA;

  /// Without a number: of the device that is current.
  explicit torch_cuda_blocks(at::Device on = at::kCUDA) : on_(on) {}

  template <class Program>
  void run(std::size_t blocks, const Program& program)
  {
    const c10::cuda::CUDAGuard now(on_);
    cuda_blocks(c10::cuda::getCurrentCUDAStream().stream()).run(blocks, program);
  }

 private:
  at::Device on_;
};
#endif

/// On which tensors blocks can work.
template <class Blocks>
[[nodiscard]] constexpr at::DeviceType device_of_blocks()
{
  if constexpr (requires { Blocks::device; })
    return Blocks::device;
  else
    return at::kCPU;
}

namespace detail {
template <class Blocks>
[[nodiscard]] Blocks blocks_on(at::Device device)
{
  if constexpr (requires { Blocks(device); })
    return Blocks(device);
  else
    return Blocks();
}
}  // namespace detail

/// A device of LibTorch's that has a team.
template <class Blocks>
class torch_team : public Blocks {
 public:
  explicit torch_team(at::Device device) : torch_team(device, detail::blocks_on<Blocks>(device)) {}
  torch_team(at::Device device, Blocks blocks) : Blocks(std::move(blocks)), device_(device)
  {
    if (device.type() != device_of_blocks<Blocks>())
      fail("programs for ", c10::DeviceTypeName(device_of_blocks<Blocks>(), true),
           " were given the device ", device.str());
  }

  /// Bytes of LibTorch's allocator.
  struct owned {
    at::Tensor bytes;

    [[nodiscard]] std::byte* data() const
    {
      return reinterpret_cast<std::byte*>(bytes.data_ptr<std::uint8_t>());
    }
  };
  [[nodiscard]] owned memory(std::size_t n) const
  {
    return {
        at::empty({static_cast<std::int64_t>(n)}, at::TensorOptions(at::kByte).device(device_))};
  }
  /// By way of pinned memory, where the device is not the processor.
  void put(const std::byte* from, std::byte* to, std::size_t n) const
  {
    if (n == 0) return;
    if (device_.is_cpu()) {
      std::memcpy(to, from, n);
      return;
    }
    const at::Tensor pinned =
        at::empty({static_cast<std::int64_t>(n)}, at::TensorOptions(at::kByte).pinned_memory(true));
    std::memcpy(pinned.data_ptr(), from, n);
    seen(to, n).copy_(pinned, true);
  }
  void fetch(const std::byte* from, std::byte* to, std::size_t n) const
  {
    if (n == 0) return;
    const at::Tensor here = seen(const_cast<std::byte*>(from), n).cpu();
    std::memcpy(to, here.data_ptr(), n);
  }
  void clear(std::byte* at, std::size_t n) const
  {
    if (n > 0) seen(at, n).zero_();
  }

  [[nodiscard]] at::Device device() const { return device_; }

 private:
  [[nodiscard]] at::Tensor seen(std::byte* at, std::size_t n) const
  {
    return at::from_blob(at, {static_cast<std::int64_t>(n)},
                         at::TensorOptions(at::kByte).device(device_));
  }

  at::Device device_;
};
static_assert(team_device<torch_team<host_blocks>>);

/// A part of the outputs as programs see it, wherever it lies and however it is strided. Its
/// numbers are those that E has: float, float16 or bfloat16.
template <class E>
[[nodiscard]] output_view<E> view_for_team(const at::Tensor& part)
{
  if (!part.defined() || part.numel() == 0) return {};
  static_assert(sizeof(E) == 2 || sizeof(E) == 4);
  return {static_cast<const E*>(part.data_ptr()),
          static_cast<std::uint32_t>(part.size(2)),
          {.image = part.stride(0), .row = part.stride(1), .number = part.stride(2)}};
}

/// Views of outputs by the type of their numbers; of float32 where parts differ. `kept` holds
/// what the views look at.
template <class Visit>
void visit_for_team(const outputs<libtorch_backend>& said, std::array<at::Tensor, 4>& kept,
                    const Visit& visit)
{
  kept = {said.scores.values, said.boxes.values, said.points.values, said.quality.values};
  at::ScalarType type = kept[0].scalar_type();
  for (const at::Tensor& part : kept)
    if (part.defined() && part.scalar_type() != type) type = at::kFloat;
  if (type != at::kHalf && type != at::kBFloat16) type = at::kFloat;
  for (at::Tensor& part : kept)
    if (part.defined()) part = part.detach().to(type);
  const auto call = [&]<class E>(E) {
    visit(team_outputs<E>{view_for_team<E>(kept[0]), view_for_team<E>(kept[1]),
                          view_for_team<E>(kept[2]), view_for_team<E>(kept[3])});
  };
  if (type == at::kHalf)
    call(float16());
  else if (type == at::kBFloat16)
    call(bfloat16());
  else
    call(0.0f);
}

/// libtorch_backend on a device that has a team: a detector over it runs programs.
template <class Blocks>
class torch_team_backend : public libtorch_backend {
 public:
  explicit torch_team_backend(at::Device device = device_of_blocks<Blocks>())
      : libtorch_backend(device), team_(device)
  {
  }

  [[nodiscard]] const torch_team<Blocks>& team() const { return team_; }
  template <class B, class Visit>
  void team_view(const outputs<B>& said, const Visit& visit) const
  {
    std::array<at::Tensor, 4> kept;
    visit_for_team({said.scores, said.boxes, said.points, said.quality, said.maps}, kept, visit);
  }

 private:
  torch_team<Blocks> team_;
};
static_assert(team_backend<torch_team_backend<host_blocks>>);

}  // namespace retinue
