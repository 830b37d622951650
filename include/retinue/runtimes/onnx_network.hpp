// SPDX-License-Identifier: Apache-2.0
// A network in an ONNX file: what it finds, which pictures it takes, and what its outputs are,
// whichever runtime runs it.
//
//   const onnx_network network("faces.onnx");
//   opencv_runtime run("faces.onnx");
//   const frame how = network.fit({photo.rows, photo.cols});
//   const runtime_parts said = network.run(run, {planes, 1, how.input});
//   find(said.view<eigen_backend>(), how);                                      // a detector
//
// A file of `onnx_of` with "retinue.config" in its metadata says all that is needed. Of any other,
// a configuration tells the anchors, the classes and what the scores are.
#pragma once

#include <retinue/config/guess.hpp>           // config_metadata_key
#include <retinue/config/json.hpp>            // parse_config
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/error.hpp>                  // fail
#include <retinue/frame.hpp>                  // frame
#include <retinue/runtimes/parts.hpp>         // find_parts
#include <retinue/runtimes/runtime.hpp>       // network_runtime
#include <retinue/weights/onnx_reader.hpp>    // read_onnx

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace retinue {

/// What a network file and its configuration say together. It runs nothing itself.
class onnx_network {
 public:
  /// By the file's own configuration. Throws where it has none, or is no network of one input.
  explicit onnx_network(const std::filesystem::path& file)
      : onnx_network(file, read_onnx(file), std::nullopt)
  {
  }
  /// By another, which goes before the file's own. Scores that the file itself made probabilities
  /// are taken as such, whatever the configuration has them for. Throws where the file is no
  /// network of one input of images, and where an output is not as wide as its part.
  onnx_network(const std::filesystem::path& file, network_config config)
      : onnx_network(file, read_onnx(file), std::move(config))
  {
  }

  /// What it finds, and how its outputs are read.
  [[nodiscard]] const network_config& config() const { return config_; }
  /// The file that it is in.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  /// The one size that inputs have; {0, 0}: any whose sides are multiples of `multiple()`.
  [[nodiscard]] extent2 size() const { return size_; }
  /// The deepest stride of its anchors; 1 where pictures are stretched.
  [[nodiscard]] int multiple() const { return multiple_; }

  /// How a picture becomes an input of the network: as `wanted`, but padded to what the file takes;
  /// or scaled into its one size. Throws where a side of the picture is less than a pixel and the
  /// file takes one size.
  [[nodiscard]] frame fit(const frame& wanted) const
  {
    if (size_ == extent2{}) return padded(wanted, multiple_);
    if (square_side(config_) > 0 && size_.width == size_.height)
      return stretched(wanted.original, size_.width);
    return fit_into(wanted.original, size_);
  }
  /// The same of a picture in its own size, or as the configuration says. Throws where a side is
  /// less than a pixel and it is to be scaled.
  [[nodiscard]] frame fit(extent2 picture) const
  {
    if (const int side = square_side(config_); side > 0) return fit(stretched(picture, side));
    const int side = config_.input.long_side;
    return fit(side > 0 ? fit_long_side(picture, side) : frame::unscaled(picture));
  }

  /// What the network says of images. Throws where that is not what it should say.
  template <network_runtime Runtime>
  [[nodiscard]] runtime_parts run(Runtime& runtime, const image_planes& images) const
  {
    return find_parts(runtime(images), widths_of(config_), images.images, file_.string());
  }

 private:
  onnx_network(const std::filesystem::path& file, const onnx_signature& says,
               std::optional<network_config> config)
      : file_(file)
  {
    const auto told = says.metadata.find(std::string(config_metadata_key));
    if (config)
      config_ = std::move(*config);
    else if (told != says.metadata.end())
      config_ = parse_config(told->second, "metadata of " + file.string());
    else
      fail(file.string(),
           ": an ONNX network that does not say what it finds: a configuration or a preset must");
    read_input(says);
    if (config || told == says.metadata.end()) read_scores(says);
    check_widths(says);
    if (square_side(config_) == 0)
      for (std::size_t l = 0; l < config_.anchors.levels(); ++l)
        multiple_ = std::max(multiple_, config_.anchors.stride(l));
  }

  void read_input(const onnx_signature& says)
  {
    if (says.inputs.size() != 1)
      fail(file_.string(), ": the network has ", says.inputs.size(),
           " inputs, expected one, of images (batch, 3, height, width)");
    const auto& shape = says.inputs[0].shape;
    const auto known = [&](std::size_t axis) -> std::int64_t {
      const auto* const extent = std::get_if<std::int64_t>(&shape[axis]);
      return extent ? *extent : 0;
    };
    if (shape.size() != 4 || (known(1) != 0 && known(1) != 3))
      fail(file_.string(), ": its input ", says.inputs[0].name, " is ", in_words(shape),
           ", expected images (batch, 3, height, width)");
    if (known(2) > 0 && known(3) > 0)
      size_ = {static_cast<int>(known(2)), static_cast<int>(known(3))};
  }

  /// Exporters put the softmax or the sigmoid into the file, or leave it out.
  void read_scores(const onnx_signature& says)
  {
    const std::size_t columns = widths_of(config_).scores;
    if (config_.labels.reads_quality()) return;
    for (const onnx_value& output : says.outputs) {
      if (output.name == "boxes" || output.name == "points") continue;
      const auto* const width =
          output.shape.empty() ? nullptr : std::get_if<std::int64_t>(&output.shape.back());
      if (width && *width != static_cast<std::int64_t>(columns)) continue;
      const std::string& maker = says.made_by.at(output.name);
      if (maker == "Softmax") config_.labels.policy = given_labels{.background = true};
      if (maker == "Sigmoid")
        config_.labels.policy = given_labels{.background = columns > config_.classes.size()};
    }
  }

  /// An output of a part's name must be as wide as the part, where the file says how wide it is.
  void check_widths(const onnx_signature& says) const
  {
    const part_widths widths = widths_of(config_);
    for (const onnx_value& output : says.outputs) {
      const std::size_t columns = output.name == "scores"    ? widths.scores
                                  : output.name == "boxes"   ? widths.boxes
                                  : output.name == "points"  ? widths.points
                                  : output.name == "quality" ? widths.quality
                                                             : 0;
      if (columns == 0 || output.shape.empty()) continue;
      const auto* const last = std::get_if<std::int64_t>(&output.shape.back());
      if (last && *last != static_cast<std::int64_t>(columns))
        fail(file_.string(), ": its output ", output.name, " is ", in_words(output.shape),
             ", expected (batch, anchors, ", columns, ")");
    }
  }

  [[nodiscard]] static std::string in_words(
      const std::vector<std::variant<std::int64_t, std::string>>& shape)
  {
    std::string words = "(";
    for (const auto& extent : shape) {
      if (words.size() > 1) words += ", ";
      if (const auto* const known = std::get_if<std::int64_t>(&extent))
        words += std::to_string(*known);
      else
        words += std::get<std::string>(extent);
    }
    return words + ")";
  }

  std::filesystem::path file_;
  network_config config_;
  extent2 size_;
  int multiple_ = 1;
};

}  // namespace retinue
