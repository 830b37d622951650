// SPDX-License-Identifier: Apache-2.0
// What the convolutions of a network compute in while it learns. Weights, statistics, losses and
// updates are float32 in any case: ATen's autocast converts on the way.
//
//   bfloat16   8 bits of mantissa, the range of float32: needs nothing else
//   float16    11 bits, but below 6e-8 a gradient is 0: the loss is scaled up by a power of two
#pragma once

#include <retinue/error.hpp>  // fail

#include <ATen/autocast_mode.h>
#include <torch/torch.h>
#include <torch/version.h>

#include <cmath>
#include <cstdint>

namespace retinue {

/// What is computed in.
enum class precision : std::uint8_t { float32, bfloat16, float16 };

/// While it lives, the forward passes of this thread on that kind of device run in that precision.
class autocast_scope {
 public:
  /// Throws where the device has no such precision.
  autocast_scope(precision of, at::DeviceType device) : device_(device)
  {
    if (of == precision::float32) return;
    if (device != at::kCPU && device != at::kCUDA)
      fail("training in less than float32 is offered on cpu and cuda, not on ",
           c10::DeviceTypeName(device, true));
    if (of == precision::float16 && device == at::kCPU)
      fail("a processor does not train in float16: take bfloat16");
    active_ = true;
    was_enabled_ = enabled();
    was_type_ = type();
    at::autocast::increment_nesting();
    set(true, of == precision::float16 ? at::kHalf : at::kBFloat16);
  }
  autocast_scope(const autocast_scope&) = delete;
  autocast_scope& operator=(const autocast_scope&) = delete;
  ~autocast_scope()
  {
    if (!active_) return;
    set(was_enabled_, was_type_);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  }

 private:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  [[nodiscard]] bool enabled() const { return at::autocast::is_autocast_enabled(device_); }
  [[nodiscard]] at::ScalarType type() const { return at::autocast::get_autocast_dtype(device_); }
  void set(bool on, at::ScalarType as) const
  {
    at::autocast::set_autocast_enabled(device_, on);
    at::autocast::set_autocast_dtype(device_, as);
  }
#else
  [[nodiscard]] bool enabled() const
  {
    return device_ == at::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
  }
  [[nodiscard]] at::ScalarType type() const
  {
    return device_ == at::kCPU ? at::autocast::get_autocast_cpu_dtype()
                               : at::autocast::get_autocast_gpu_dtype();
  }
  void set(bool on, at::ScalarType as) const
  {
    if (device_ == at::kCPU) {
      at::autocast::set_cpu_enabled(on);
      at::autocast::set_autocast_cpu_dtype(as);
    } else {
      at::autocast::set_enabled(on);
      at::autocast::set_autocast_gpu_dtype(as);
    }
  }
#endif

  at::DeviceType device_;
  bool active_ = false, was_enabled_ = false;
  at::ScalarType was_type_ = at::kFloat;
};

/// By how much a loss is scaled up before its gradients are taken: halved where those overflow,
/// doubled after 2000 updates in which they did not (Micikevicius 2018).
class loss_scale {
 public:
  /// Where the scale begins, and how patient it is.
  struct settings {
    double first = 65536;  ///< a power of two, so that scaling rounds nothing
    std::int64_t patience = 2000;
  };

  /// By the settings as they stand.
  loss_scale() : loss_scale(settings{}) {}
  /// Throws where the first scale is not a power of two, 1 or more.
  explicit loss_scale(settings s) : settings_(s), value_(s.first)
  {
    int exponent = 0;
    if (!(s.first >= 1) || std::frexp(s.first, &exponent) != 0.5)
      fail("a loss is scaled by ", s.first, ", expected a power of two, 1 or more");
  }

  [[nodiscard]] double value() const { return value_; }
  [[nodiscard]] std::int64_t good_updates() const { return good_; }
  [[nodiscard]] std::int64_t patience() const { return settings_.patience; }

  /// After the gradients of an update: whether they can be used. Where they overflowed at a scale
  /// of 1, it is not the scale that is to blame, and they can: to be refused for what they are.
  [[nodiscard]] bool accepts(bool finite)
  {
    if (!finite && value_ > 1) {
      value_ /= 2;
      good_ = 0;
      return false;
    }
    if (finite && ++good_ == settings_.patience) {
      value_ *= 2;
      good_ = 0;
    }
    return true;
  }

  /// Goes on from what a checkpoint says.
  void set(double value, std::int64_t good_updates)
  {
    value_ = value;
    good_ = good_updates;
  }

 private:
  settings settings_;
  double value_;
  std::int64_t good_ = 0;
};

}  // namespace retinue
