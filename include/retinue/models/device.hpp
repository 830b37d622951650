// SPDX-License-Identifier: Apache-2.0
// Where a network runs, by name.
#pragma once

#include <retinue/error.hpp>  // fail

#include <c10/core/Device.h>
#include <torch/cuda.h>  // device_count

#include <charconv>
#include <string>
#include <system_error>

namespace retinue {

/// What cpu, cuda or cuda:N names, once it is sure that it is there. Throws where it is not, and
/// for other names.
[[nodiscard]] inline at::Device find_device(const std::string& name)
{
  if (name == "cpu") return at::kCPU;
  const std::string number = name.starts_with("cuda:") ? name.substr(5) : name == "cuda" ? "0" : "";
  const auto last = number.data() + number.size();
  int index = -1;
  if (const auto read = std::from_chars(number.data(), last, index);
      read.ec != std::errc() || read.ptr != last || index < 0)
    fail("the device ", name, " is unknown, expected cpu, cuda or cuda:N");
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (index >= count)
    fail("the device ", name, " is not there: LibTorch finds ",
         count == 0 ? "no CUDA device" : "none after cuda:" + std::to_string(count - 1),
         "; cpu is everywhere");
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

}  // namespace retinue
