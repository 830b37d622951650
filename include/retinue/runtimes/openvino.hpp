// SPDX-License-Identifier: Apache-2.0
// OpenVINO (docs.openvino.ai) as a runtime of ONNX files.
#pragma once

#include <retinue/error.hpp>             // fail
#include <retinue/runtimes/runtime.hpp>  // image_planes, runtime_array

#include <openvino/openvino.hpp>

#include <cstddef>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace retinue {

/// Runs an ONNX file in OpenVINO, on the processor. One thread at a time may call it.
class openvino_runtime {
 public:
  /// In lists of runtimes.
  static constexpr std::string_view name = "openvino";

  /// How exact sums are: `shortened` lets OpenVINO take bfloat16 where the processor has it, which
  /// is quicker and off by hundredths of a score.
  enum class sums { floats, shortened };

  /// `threads` 0: all cores. Throws where OpenVINO does not read the file.
  explicit openvino_runtime(const std::filesystem::path& file, int threads = 0,
                            sums exact = sums::floats)
      : file_(file.string())
  {
    try {
      ov::AnyMap properties{{ov::hint::performance_mode.name(), ov::hint::PerformanceMode::LATENCY},
                            {ov::hint::inference_precision.name(),
                             exact == sums::floats ? ov::element::f32 : ov::element::bf16}};
      if (threads > 0) properties[ov::inference_num_threads.name()] = threads;
      static ov::Core core;
      network_ = core.compile_model(core.read_model(file_), "CPU", properties);
      request_ = network_.create_infer_request();
    } catch (const ov::Exception& e) {
      fail(file_, ": OpenVINO does not read the network: ", first_line(e));
    }
    if (network_.inputs().size() != 1)
      fail(file_, ": the network has ", network_.inputs().size(), " inputs, expected one");
  }

  /// All outputs of the network. Throws where it does not run on those images, and where an output
  /// does not consist of floats.
  [[nodiscard]] std::vector<runtime_array> operator()(const image_planes& images)
  {
    std::vector<runtime_array> outputs;
    try {
      const ov::Shape taken{images.images, 3, static_cast<std::size_t>(images.size.height),
                            static_cast<std::size_t>(images.size.width)};
      // An input is only read.
      request_.set_input_tensor(
          ov::Tensor(ov::element::f32, taken, const_cast<float*>(images.values)));
      request_.infer();
      for (const auto& output : network_.outputs()) {
        const ov::Tensor said = request_.get_tensor(output);
        const ov::Shape size = said.get_shape();
        const std::string of = output.get_names().empty() ? "" : output.get_any_name();
        if (said.get_element_type() != ov::element::f32)
          fail(file_, ": its output ", of, " does not consist of floats");
        outputs.push_back({of,
                           {size.begin(), size.end()},
                           detail::shared_copy(said.data<const float>(), said.get_size())});
      }
    } catch (const ov::Exception& e) {
      fail(file_, ": OpenVINO does not run the network on ", images.images,
           images.images == 1 ? " image of " : " images of ", images.size.width, " x ",
           images.size.height, " pixels: ", first_line(e));
    }
    return outputs;
  }

 private:
  /// Behind it stands where in OpenVINO it was thrown.
  [[nodiscard]] static std::string first_line(const std::exception& e)
  {
    const std::string text = e.what();
    return text.substr(text.rfind('\n', text.size() - 2) + 1);
  }

  std::string file_;
  ov::CompiledModel network_;
  ov::InferRequest request_;
};
static_assert(network_runtime<openvino_runtime>);

}  // namespace retinue
