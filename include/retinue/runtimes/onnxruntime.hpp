// SPDX-License-Identifier: Apache-2.0
// ONNX Runtime (onnxruntime.ai) as a runtime of ONNX files.
#pragma once

#include <retinue/error.hpp>             // fail
#include <retinue/runtimes/runtime.hpp>  // image_planes, runtime_array

#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

/// Runs an ONNX file in ONNX Runtime, on the processor. Several threads may call it at once.
class onnxruntime_runtime {
 public:
  /// In lists of runtimes.
  static constexpr std::string_view name = "onnxruntime";

  /// `threads` 0: as many as ONNX Runtime finds right. Throws where it does not read the file.
  explicit onnxruntime_runtime(const std::filesystem::path& file, int threads = 0)
      : file_(file.string())
  {
    try {
      Ort::SessionOptions options;
      if (threads > 0) options.SetIntraOpNumThreads(threads);
      // Threads that wait in a loop keep the core from those that they wait for.
      options.AddConfigEntry("session.intra_op.allow_spinning", "0");
      session_ = std::make_unique<Ort::Session>(environment(), file.c_str(), options);
      const Ort::AllocatorWithDefaultOptions memory;
      if (session_->GetInputCount() != 1)
        fail(file_, ": the network has ", session_->GetInputCount(), " inputs, expected one");
      input_ = session_->GetInputNameAllocated(0, memory).get();
      for (std::size_t i = 0; i < session_->GetOutputCount(); ++i)
        outputs_.emplace_back(session_->GetOutputNameAllocated(i, memory).get());
    } catch (const Ort::Exception& e) {
      fail(file_, ": ONNX Runtime ", version(), " does not read the network: ", e.what());
    }
  }

  /// All outputs of the network. Throws where it does not run on those images, and where an output
  /// does not consist of floats.
  [[nodiscard]] std::vector<runtime_array> operator()(const image_planes& images) const
  {
    std::vector<Ort::Value> said;
    try {
      const std::array<std::int64_t, 4> shape{static_cast<std::int64_t>(images.images), 3,
                                              images.size.height, images.size.width};
      const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
      const std::size_t count = images.images * 3 * static_cast<std::size_t>(images.size.height) *
                                static_cast<std::size_t>(images.size.width);
      // An input is only read.
      const Ort::Value input = Ort::Value::CreateTensor<float>(
          memory, const_cast<float*>(images.values), count, shape.data(), shape.size());
      const char* const input_name = input_.c_str();
      std::vector<const char*> names;
      for (const std::string& each : outputs_) names.push_back(each.c_str());
      said = session_->Run(Ort::RunOptions(), &input_name, &input, 1, names.data(), names.size());
    } catch (const Ort::Exception& e) {
      fail(file_, ": ONNX Runtime ", version(), " does not run the network on ", images.images,
           images.images == 1 ? " image of " : " images of ", images.size.width, " x ",
           images.size.height, " pixels: ", e.what());
    }
    std::vector<runtime_array> outputs;
    for (std::size_t i = 0; i < said.size(); ++i) {
      if (!said[i].IsTensor() || said[i].GetTensorTypeAndShapeInfo().GetElementType() !=
                                     ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
        fail(file_, ": its output ", outputs_[i], " does not consist of floats");
      const auto held = std::make_shared<Ort::Value>(std::move(said[i]));
      outputs.push_back({outputs_[i],
                         held->GetTensorTypeAndShapeInfo().GetShape(),
                         {held, held->GetTensorData<float>()}});
    }
    return outputs;
  }

 private:
  /// One for the process, and what it has to say is said by exceptions.
  [[nodiscard]] static Ort::Env& environment()
  {
    static Ort::Env one(ORT_LOGGING_LEVEL_FATAL, "retinue");
    return one;
  }
  [[nodiscard]] static std::string version() { return OrtGetApiBase()->GetVersionString(); }

  std::string file_;
  std::unique_ptr<Ort::Session> session_;
  std::string input_;
  std::vector<std::string> outputs_;
};
static_assert(network_runtime<const onnxruntime_runtime>);

}  // namespace retinue
