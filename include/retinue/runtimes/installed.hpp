// SPDX-License-Identifier: Apache-2.0
// The runtimes that this program is linked with, by name.
//
//   any_runtime run = open_runtime("", "faces.onnx");      // the quickest of them
//
// retinue::onnxruntime, retinue::openvino and retinue::dnn each offer one; where none is linked the
// list is empty. A runtime of yours is wrapped as any_runtime(std::move(mine)).
#pragma once

#include <retinue/error.hpp>             // fail
#include <retinue/runtimes/runtime.hpp>  // network_runtime

#if RETINUE_HAS_ONNXRUNTIME
#include <retinue/runtimes/onnxruntime.hpp>
#endif
#if RETINUE_HAS_OPENVINO
#include <retinue/runtimes/openvino.hpp>
#endif
#if RETINUE_HAS_DNN
#include <retinue/runtimes/opencv.hpp>
#endif

#include <concepts>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

/// A runtime of whatever kind; copies share it.
class any_runtime {
 public:
  /// Keeps the runtime.
  template <network_runtime Runtime>
    requires(!std::same_as<Runtime, any_runtime>)
  explicit any_runtime(Runtime runtime)
      : run_([held = std::make_shared<Runtime>(std::move(runtime))](const image_planes& images) {
          return (*held)(images);
        })
  {
  }

  /// All outputs of the network.
  [[nodiscard]] std::vector<runtime_array> operator()(const image_planes& images) const
  {
    return run_(images);
  }

 private:
  std::function<std::vector<runtime_array>(const image_planes&)> run_;
};

/// A runtime that can be asked for by name.
struct installed_runtime {
  std::string_view name;  ///< as --runtime has it
  /// Reads a file; 0 threads: as it finds right.
  any_runtime (*open)(const std::filesystem::path& file, int threads);
};

/// Those that this program is linked with, the quickest first: docs/performance.md.
[[nodiscard]] inline const std::vector<installed_runtime>& installed_runtimes()
{
  [[maybe_unused]] constexpr auto entry = []<class Runtime>(std::type_identity<Runtime>) {
    return installed_runtime{Runtime::name, [](const std::filesystem::path& file, int threads) {
                               return any_runtime(Runtime(file, threads));
                             }};
  };
  static const std::vector<installed_runtime> all{
#if RETINUE_HAS_ONNXRUNTIME
      entry(std::type_identity<onnxruntime_runtime>()),
#endif
#if RETINUE_HAS_OPENVINO
      entry(std::type_identity<openvino_runtime>()),
#endif
#if RETINUE_HAS_DNN
      entry(std::type_identity<opencv_runtime>()),
#endif
  };
  return all;
}

/// The runtime of that name with a file; "" is the quickest. Throws where there is none, or where
/// it does not read the file. `threads` 0: as the runtime finds right.
[[nodiscard]] inline any_runtime open_runtime(std::string_view name,
                                              const std::filesystem::path& file, int threads = 0)
{
  std::string known;
  for (const installed_runtime& each : installed_runtimes()) {
    if (name.empty() || name == each.name) return each.open(file, threads);
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  }
  if (known.empty())
    fail(file.string(), ": an ONNX network, and this program is linked with no runtime for such");
  fail("the runtime ", name, " is unknown, expected one of ", known);
}

}  // namespace retinue
